/** A worker as its test holds it: started, asked, stopped with SIGSTOP, killed with -9. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChargeAnswer, ChargeAsk } from './charge.ts';
import type { WorkerTask } from './worker.ts';

/** A running worker. */
export interface WorkerProcess {
  /** What it believed the hour to be when it was ready. */
  readonly nowMs: number;
  /** Rejects when the worker ends first. */
  charge(ask: ChargeAsk): Promise<ChargeAnswer>;
  /** The same charge, `times` at once. */
  storm(ask: ChargeAsk, times: number): Promise<ChargeAnswer[]>;
  /** Resolves when the work of `key` has taken effect in it; ask before charging. */
  working(key: string): Promise<void>;
  pause(): void;
  resume(): void;
  /** SIGKILL; resolves when it has ended. */
  kill(): Promise<void>;
}

interface Message {
  readonly ready?: boolean;
  readonly nowMs?: number;
  readonly working?: string;
  readonly id?: number;
  readonly answers?: ChargeAnswer[];
}

// Workers run the compiled file also where a test imports this one as it is: the oldest Node cannot run TypeScript.
const program = fileURLToPath(
  new URL('../dist/faults/worker.js', import.meta.url).href.replace('/dist/dist/', '/dist/'),
);

/** Starts a worker; resolves when its store has answered. */
export async function startWorker(task: WorkerTask): Promise<WorkerProcess> {
  const child = fork(program, [JSON.stringify(task)], {
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A group of its own: Ctrl-C on the terminal is for the program that started it.
    detached: true,
  });
  const ended = once(child, 'exit');
  const { nowMs = 0 } = await messageOf(child, ({ ready }) => ready === true);
  let asked = 0;
  const storm = async (ask: ChargeAsk, times: number): Promise<ChargeAnswer[]> => {
    const id = asked++;
    const answered = messageOf(child, (message) => message.id === id);
    child.send({ ...ask, id, times });
    return (await answered).answers ?? [];
  };
  return {
    nowMs,
    storm,
    async charge(ask) {
      const [answer] = await storm(ask, 1);
      if (answer === undefined) throw new Error('the worker gave no answer');
      return answer;
    },
    async working(key) {
      await messageOf(child, (message) => message.working === key);
    },
    pause: () => void child.kill('SIGSTOP'),
    resume: () => void child.kill('SIGCONT'),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

function messageOf(child: ChildProcess, wanted: (message: Message) => boolean): Promise<Message> {
  return new Promise((resolve, reject) => {
    const forget = (): void => {
      child.off('message', look);
      child.off('exit', died);
    };
    const look = (message: Message): void => {
      if (!wanted(message)) return;
      forget();
      resolve(message);
    };
    const died = (code: number | null, signal: string | null): void => {
      forget();
      reject(new Error(`the worker ended (${code ?? signal})`));
    };
    child.on('message', look);
    child.on('exit', died);
  });
}
