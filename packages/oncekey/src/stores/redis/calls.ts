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
import type { Deadlines } from './deadlines.ts';
import { keyOf } from './key.ts';
import type { Connection } from './connection.ts';
import { callError, entryError, unavailable, type Phase } from './failure.ts';
import { script } from './script.ts';

/** What a call asks; every one is about a record. */
export interface Asked {
  readonly id: RecordId;
}

/** One kind of call: how it is told to the script, and what the script's answer means. */
export interface Operation<Ask extends Asked, Answer> {
  /** How the script numbers it. */
  readonly code: number;
  readonly phase: Phase;
  /** Heartbeats overtake what waits. */
  readonly urgent?: boolean;
  /** How many bytes of body it carries, where that may be much. */
  bytesOf?(ask: Ask): number;
  /** Writes what the script is told. */
  write?(writer: ByteWriter, ask: Ask): void;
  /** Understands what the script answered at the server's `nowMs`. */
  read(answer: unknown, nowMs: number, ask: Ask): Answer;
}

/** How calls are made. */
export interface CallOptions {
  readonly connection: Connection;
  readonly prefix: string;
  /** When a run that is not answered is given up. */
  readonly deadlines: Deadlines;
  /** Where changes are told. */
  readonly channel: string;
}

interface Call {
  readonly operation: Operation<Asked, unknown>;
  readonly ask: Asked;
}

/** Calls that could be written, with their places in the batch. */
interface Written {
  readonly places: number[];
  readonly keys: string[];
  readonly payload: Buffer;
}

/** How long a call waits for a client that is connecting; less than engines wait for a store. */
const connectMs = 1500;
const lookEveryMs = 20;
/** Most runs under way: on a network with a long way, fewer would make calls wait for a whole one. */
const maxInFlight = 8;
/** Most calls under way in a cluster, where they are not gathered. */
const mostAlone = 20_000;

/** Makes calls. */
export class Calls {
  readonly #options: CallOptions;
  readonly #writer = new ByteWriter();
  readonly #send: (call: Call, urgent?: boolean) => Promise<unknown>;
  #alone = 0;

  constructor(options: CallOptions) {
    this.#options = options;
    this.#send = options.connection.isCluster
      ? (call) => this.#runAlone(call)
      : coalesce<Call, unknown>({
          send: (batch) => this.#run(batch),
          maxInFlight,
          gather: (go) => void setImmediate(go),
          bytesOf: ({ operation, ask }) => operation.bytesOf?.(ask) ?? 0,
        });
  }

  /** Makes one call. What it asks must not change until it is answered. */
  make<Ask extends Asked, Answer>(operation: Operation<Ask, Answer>, ask: Ask): Promise<Answer> {
    return this.#send({ operation: operation as Operation<Asked, unknown>, ask }, operation.urgent) as Promise<Answer>;
  }

  async #runAlone(call: Call): Promise<unknown> {
    if (this.#alone >= mostAlone) {
      throw unavailable(`redis: ${mostAlone} calls already wait for the cluster; it is down or too slow`, 'other');
    }
    this.#alone += 1;
    try {
      const [entry] = await this.#run([call]);
      if (entry === undefined || 'error' in entry) throw entry?.error;
      return entry.answer;
    } finally {
      this.#alone -= 1;
    }
  }

  async #run(batch: readonly Call[]): Promise<BatchEntry<unknown>[]> {
    const entries: BatchEntry<unknown>[] = [];
    const written = this.#write(batch, entries);
    try {
      const answers = await this.#ask(written);
      const nowMs = Number(answers[0]);
      for (const [index, place] of written.places.entries()) {
        entries[place] = understood(batch[place], answers[index + 1], nowMs);
      }
    } catch (error) {
      for (const place of written.places) {
        entries[place] = { error: callError(error, batch[place]?.operation.phase ?? 'other') };
      }
    }
    return entries;
  }

  /** What cannot be written gets its error in `entries`; its neighbours go. */
  #write(batch: readonly Call[], entries: BatchEntry<unknown>[]): Written {
    const [places, keys]: [number[], string[]] = [[], []];
    const writer = this.#writer;
    for (const [place, { operation, ask }] of batch.entries()) {
      const begins = writer.length;
      try {
        const from = writer.number(operation.code, 1).begin(4);
        operation.write?.(writer, ask);
        writer.end(from, 4, 'a call');
        keys.push(keyOf(this.#options.prefix, ask.id));
        places.push(place);
      } catch (error) {
        writer.back(begins);
        entries[place] = { error };
      }
    }
    return { places, keys, payload: writer.take() };
  }

  async #ask({ keys, payload }: Written): Promise<unknown[]> {
    if (keys.length === 0) return [0];
    const { connection, channel, deadlines } = this.#options;
    if (connection.state() !== 'ready') await this.#connected();
    const args = connection.isCluster ? [payload] : [payload, channel];
    return deadlines.inTime(connection.run(script, keys, args) as Promise<unknown[]>);
  }

  /** Waits for a client that is on its way; throws when it is closed or does not arrive. */
  async #connected(): Promise<void> {
    const { connection } = this.#options;
    const endMs = systemClock.monotonicMs() + connectMs;
    while (systemClock.monotonicMs() < endMs) {
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

function understood(call: Call | undefined, answer: unknown, nowMs: number): BatchEntry<unknown> {
  if (call === undefined) return { error: new Error('the script answered more than it was asked') };
  const { operation, ask } = call;
  if (isError(answer)) return { error: entryError(String(answer[1]), ask.id, operation.phase) };
  try {
    return { answer: operation.read(answer, nowMs, ask) };
  } catch (error) {
    return { error };
  }
}

// Records begin with another byte and are longer.
function isError(answer: unknown): answer is [Buffer, Buffer] {
  return Array.isArray(answer) && Buffer.isBuffer(answer[0]) && answer[0].length === 1;
}
