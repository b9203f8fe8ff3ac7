/**
 * What every real queue is held to: redelivery, two workers, a worker that dies between effect
 * and acknowledgement, work that runs elsewhere, and a failure after a finished step. Each has
 * one effect.
 */
import { spawn } from 'node:child_process';
import { once as happened } from 'node:events';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { scheduler } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createOnce, type Once, type Work } from 'oncekey';
import type { JobAnswer } from 'oncekey/jobs';
import { sqlite } from 'oncekey/sqlite';
import { afterEach, describe, expect, test } from 'vitest';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { testFolder } from '../stores/sqlite/folder.ts';

/** Does a job of a queue under test. */
export type CaseHandler = (message: never, work: Work) => unknown;

/** A queue of a real server. */
export interface CaseQueue {
  /** Of its entry's naming. */
  readonly scope: readonly string[];
  /** Where it is not `pay`. */
  readonly operation?: string;
  /** The id under which the queue knows an id, where it has its own form. */
  idOf?(id: string): string;
  send(id: string | undefined, data: object): Promise<void>;
  /** Starts one worker with the entry's options; gives its end. */
  work(handler: CaseHandler, options: object): Promise<() => Promise<unknown>>;
  /** How many messages were given up. */
  dead?(): Promise<number>;
  close(): Promise<unknown>;
}

const newPath = testFolder();
const workerPath = fileURLToPath(new URL('queues/worker.js', import.meta.url));

/** Runs the cases against a queue whose adapter is `queues/NAME.js`. `again`: whether an id can be sent anew at once. */
export function queueCases(name: string, url: () => string, again: boolean): void {
  const module = new URL(`queues/${name}.js`, import.meta.url).href;
  const ends: (() => Promise<unknown>)[] = [];
  let count = 0;

  async function open(queue = `queue${(count += 1)}`): Promise<CaseQueue & { readonly queue: string }> {
    const { open: openQueue } = (await import(module)) as { open(at: object): Promise<CaseQueue> };
    const opened = await openQueue({ url: url(), queue });
    ends.push(() => opened.close());
    return { ...opened, queue };
  }

  afterEach(async () => {
    for (const end of ends.splice(0).toReversed()) await end();
  });

  function record(path = newPath()): { once: Once; path: string } {
    const store = sqlite(path);
    ends.push(() => Promise.resolve(store.close()));
    return { once: createOnce({ store }), path };
  }

  async function start(queue: CaseQueue, handler: CaseHandler, once: Once): Promise<JobAnswer[]> {
    const answers: JobAnswer[] = [];
    ends.push(await queue.work(handler, { once, onAnswer: (answer: JobAnswer) => answers.push(answer) }));
    return answers;
  }

  const done = (answers: readonly JobAnswer[]): number => answers.filter(({ kind }) => kind === 'done').length;

  describe(`the queue of ${name}`, () => {
    test('two workers and every message twice: each has one effect', async () => {
      const queue = await open();
      const { once } = record();
      const effects: unknown[] = [];
      const handler: CaseHandler = (_message, work) => effects.push(work.token);
      const [one, other] = [await start(queue, handler, once), await start(queue, handler, once)];
      const ids = Array.from({ length: 20 }, (_, at) => `job-${at}`);
      for (const id of ids) await queue.send(id, { id });
      await waitUntil('all done', () => done([...one, ...other]) === ids.length);
      if (again) {
        for (const id of ids) await queue.send(id, { id });
        await waitUntil('all done again', () => done([...one, ...other]) === 2 * ids.length);
      }
      expect(effects).toHaveLength(ids.length);
    });

    test('killed between effect and acknowledgement: redelivered, acknowledged, not run again', async () => {
      const queue = await open();
      const { once, path } = record();
      const effects = newPath('effects.txt');
      await queue.send('job-1', { amount: 1 });
      // Made by us, so that its folder is there.
      mkdirSync(dirname(effects), { recursive: true });
      const task = JSON.stringify({ module, url: url(), queue: queue.queue, path, effects });
      const worker = spawn(process.execPath, [workerPath, task], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [said] = (await happened(worker.stdout, 'data')) as [Buffer];
      expect(said.toString()).toBe('done\n');
      worker.kill('SIGKILL');
      await happened(worker, 'exit');
      const never: CaseHandler = () => {
        throw new Error('must not run');
      };
      const answers = await start(queue, never, once);
      await waitUntil('redelivered', () => done(answers) === 1);
      expect(answers).toMatchObject([{ kind: 'done', replayed: true }]);
      expect(readFileSync(effects, 'utf8')).toBe('1\n');
    });

    test('a failure after a finished step: the retry does not run that step again', async () => {
      const queue = await open();
      const { once } = record();
      const [charges, attempts]: [number[], number[]] = [[], []];
      const handler: CaseHandler = async (_message, work) => {
        attempts.push(work.attempt);
        await work.step('charge', () => charges.push(work.attempt));
        if (work.attempt < 3) throw new Error(`attempt ${work.attempt}`);
      };
      const answers = await start(queue, handler, once);
      await queue.send('job-1', { amount: 1 });
      await waitUntil('done', () => done(answers) === 1);
      expect({ charges, attempts }).toEqual({ charges: [1], attempts: [1, 2, 3] });
      expect(answers.map(({ kind }) => kind)).toEqual(['failed', 'failed', 'done']);
    });

    test('running elsewhere: comes later, and is taken over when that one is dead', async () => {
      const queue = await open();
      const { once } = record();
      const key = queue.idOf?.('job-1') ?? 'job-1';
      const { scope, operation = name === 'pg-boss' ? queue.queue : 'pay' } = queue;
      await once.claim({ scope, operation, key, expiresInMs: 1500 });
      const attempts: number[] = [];
      const answers = await start(queue, (_message, work) => attempts.push(work.attempt), once);
      await queue.send('job-1', { amount: 1 });
      await waitUntil('done', () => done(answers) === 1);
      expect(attempts).toEqual([2]);
      expect(answers.filter(({ kind }) => kind === 'failed')).toEqual([]);
    });

    test('a handler slower than the queue’s own patience runs once, with two workers', async () => {
      const queue = await open();
      const { once } = record();
      let runs = 0;
      const slow: CaseHandler = async () => {
        runs += 1;
        await scheduler.wait(2500);
      };
      const [one, other] = [await start(queue, slow, once), await start(queue, slow, once)];
      await queue.send('job-1', { amount: 1 });
      await waitUntil('done', () => done([...one, ...other]) > 0);
      expect(runs).toBe(1);
    });
  });
}
