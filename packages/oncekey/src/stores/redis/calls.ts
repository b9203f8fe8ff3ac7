/**
 * The way of calls to the server and of answers back. Calls that arrive while others are
 * under way go as one run of the script; in a cluster each goes alone to its node, which
 * the client pipelines. Nothing is handed to a client that is not connected: a claim in
 * its queue would be granted to somebody who has long given up. Every call ends.
 */
import { systemClock } from '../../core/clock.ts';
import { pause } from '../../core/guard.ts';
import type { RecordId } from '../../core/store.ts';
import { coalesce, type BatchEntry } from '../coalesce.ts';
import { ByteWriter } from './bytes.ts';
import type { Connection } from './connection.ts';
import { callError, entryError, unavailable, type Phase } from './failure.ts';
import { operations } from './script.ts';

/** One call of the script and how its answer is understood. */
export interface Call<Answer> {
  readonly operation: keyof typeof operations;
  readonly id: RecordId;
  readonly phase: Phase;
  /** Heartbeats overtake what waits. */
  readonly urgent?: boolean;
  /** Writes what the script is told. */
  readonly write?: (writer: ByteWriter) => void;
  /** Understands what the script answered at the server's `nowMs`. */
  readonly read: (answer: unknown, nowMs: number) => Answer;
}

/** How calls are made. */
export interface CallOptions {
  readonly connection: Connection;
  readonly prefix: string;
  /** A run that is not answered for so long is given up. */
  readonly timeoutMs: number;
  /** Where changes are told. */
  readonly channel: string;
}

interface Sent {
  readonly key: Buffer;
  readonly bytes: Buffer;
}

interface Reply {
  readonly answer: unknown;
  readonly nowMs: number;
}

/** How long a call waits for a client that is connecting; less than engines wait for a store. */
const connectMs = 1500;
const lookEveryMs = 20;
/** Most calls under way in a cluster, where they are not gathered. */
const mostAlone = 20_000;
const writer = new ByteWriter();

/** Makes calls. */
export class Calls {
  readonly #options: CallOptions;
  readonly #prefix: Buffer;
  readonly #send: (sent: Sent, urgent?: boolean) => Promise<Reply>;
  #alone = 0;

  constructor(options: CallOptions) {
    this.#options = options;
    this.#prefix = Buffer.from(options.prefix);
    const gathered = coalesce<Sent, Reply>({
      send: (batch) => this.#run(batch),
      bytesOf: ({ bytes }) => bytes.length,
    });
    this.#send = options.connection.isCluster ? (sent) => this.#runAlone(sent) : gathered;
  }

  /** Makes one call. */
  async make<Answer>(call: Call<Answer>): Promise<Answer> {
    const { operation, id, phase, write = nothing, read, urgent = false } = call;
    const bytes = writer.written(() => writer.number(operations[operation], 1).piece(4, 'a call', () => write(writer)));
    const sent = { key: this.#keyOf(id), bytes };
    const { answer, nowMs } = await this.#send(sent, urgent).catch((error: unknown) => {
      throw callError(error, phase);
    });
    if (isError(answer)) throw entryError(String(answer[1]), phase);
    return read(answer, nowMs);
  }

  #keyOf(id: RecordId): Buffer {
    const key = Buffer.allocUnsafe(this.#prefix.length + 32);
    key.set(this.#prefix);
    if (key.write(id, this.#prefix.length, 'hex') === 32) return key;
    throw new TypeError(`redis: a record id is 64 hexadecimal digits, not ${JSON.stringify(id)}`);
  }

  async #runAlone(sent: Sent): Promise<Reply> {
    if (this.#alone >= mostAlone) {
      throw unavailable(`redis: ${mostAlone} calls already wait for the cluster; it is down or too slow`, 'other');
    }
    this.#alone += 1;
    try {
      const [reply] = await this.#run([sent]);
      if (reply === undefined || 'error' in reply) throw reply?.error;
      return reply.answer;
    } finally {
      this.#alone -= 1;
    }
  }

  async #run(batch: readonly Sent[]): Promise<BatchEntry<Reply>[]> {
    const { connection, channel, timeoutMs } = this.#options;
    if (connection.state() !== 'ready') await this.#connected();
    const keys = batch.map(({ key }) => key);
    const payload = batch.length === 1 && batch[0] !== undefined ? batch[0].bytes : Buffer.concat(batch.map(bytesOf));
    const args = connection.isCluster ? [payload] : [payload, channel];
    const answers = (await inTime(connection.run(keys, args), timeoutMs)) as unknown[];
    const nowMs = Number(answers[0]);
    return batch.map((_, index) => ({ answer: { answer: answers[index + 1], nowMs } }));
  }

  /** Waits for a client that is on its way; throws when it is closed or does not arrive. */
  async #connected(): Promise<void> {
    const { connection } = this.#options;
    for (let waitedMs = 0; waitedMs < connectMs; waitedMs += lookEveryMs) {
      const state = connection.state();
      if (state === 'ready') return;
      if (state === 'closed')
        throw unavailable('redis: the client is closed or was never connected; connect it', 'other');
      // oxlint-disable-next-line no-await-in-loop -- one look after the other
      await pause(systemClock, lookEveryMs);
    }
    throw unavailable('redis: the client has no connection; check that the server is up and reachable', 'other');
  }
}

function nothing(): void {}

function bytesOf({ bytes }: Sent): Buffer {
  return bytes;
}

// Records begin with another byte and are longer.
function isError(answer: unknown): answer is [Buffer, Buffer] {
  return Array.isArray(answer) && Buffer.isBuffer(answer[0]) && answer[0].length === 1;
}

function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = systemClock.after(timeoutMs, () => {
      reject(
        unavailable(`redis: no answer within ${timeoutMs} ms; check that the server is up and reachable`, 'other'),
      );
    });
    answer.then(resolve, reject).finally(cancel);
  });
}
