/**
 * A completer at work: looks for unfinished operations, runs a bounded number of them,
 * and remembers which have failed and when to try them again. Only pauses are kept in
 * memory; attempts are counted by the store.
 */
import { systemClock, type Clock } from '../core/clock.ts';
import { IdempotencyError } from '../core/errors.ts';
import { tell, warn } from '../core/tell.ts';
import { wrong } from './asked.ts';
import type { Completer, CompleterEvent, CompleterOptions, CompleterSettings, Finish } from './completer.ts';
import { identify } from './intent.ts';
import type { Once, OperationCall } from './once.ts';
import type { OperationRecord } from './record.ts';

const states = ['abandoned', 'open'] as const;
const longestPauseMs = 60_000;
const longestBackoffMs = 300_000;
/** Most failures remembered; beyond, the oldest is tried again early. */
const maxRemembered = 10_000;

interface Failures {
  readonly count: number;
  readonly notBeforeMs: number;
}

/** See `Completer`. */
export class Finishing implements Completer {
  readonly #once: Once;
  readonly #settings: CompleterSettings;
  readonly #onEvent: CompleterOptions['onEvent'];
  readonly #clock: Clock;
  readonly #running = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, Failures>();
  #silent = 0;
  #stopped = false;
  #looking: Promise<void> = Promise.resolve();
  #cancel: (() => void) | undefined;

  constructor(options: CompleterOptions, settings: CompleterSettings) {
    this.#once = options.once;
    this.#settings = settings;
    this.#onEvent = options.onEvent;
    this.#clock = options.clock ?? systemClock;
    this.#lookLater(0);
  }

  async look(): Promise<void> {
    await this.#lookOnce();
    await Promise.all(this.#running.values());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancel?.();
    await this.#looking;
    await Promise.all(this.#running.values());
  }

  #lookLater(afterMs: number): void {
    this.#cancel = this.#clock.after(afterMs, () => {
      this.#looking = this.#lookOnce().then(() => {
        if (!this.#stopped) this.#lookLater(this.#nextPauseMs());
      });
    });
  }

  #nextPauseMs(): number {
    const { pauseMs } = this.#settings;
    return Math.max(pauseMs, Math.min(pauseMs * 2 ** this.#silent, longestPauseMs));
  }

  async #lookOnce(): Promise<void> {
    try {
      for await (const record of this.#unfinished()) {
        while (this.#running.size >= this.#settings.concurrency) await Promise.race(this.#running.values());
        if (this.#stopped) return;
        this.#start(record);
      }
      this.#silent = 0;
    } catch (error) {
      this.#silent = Math.min(this.#silent + 1, 16);
      this.#tell({ kind: 'look-failed', error, retryInMs: this.#nextPauseMs() });
    }
  }

  async *#unfinished(): AsyncGenerator<OperationRecord> {
    for (const operation of this.#settings.handlers.keys()) {
      for (const state of states) {
        let cursor: string | null | undefined;
        while (cursor !== null) {
          const page = await this.#once.list({ operation, state, ...(cursor === undefined ? {} : { cursor }) });
          yield* page.records;
          cursor = page.cursor;
        }
      }
    }
  }

  #start(record: OperationRecord): void {
    const { id, operation } = record;
    const handler = this.#settings.handlers.get(operation ?? '');
    const notBeforeMs = this.#failures.get(id)?.notBeforeMs ?? 0;
    if (handler === undefined || this.#running.has(id) || this.#clock.monotonicMs() < notBeforeMs) return;
    const run = this.#finish(record, handler).finally(() => this.#running.delete(id));
    this.#running.set(id, run);
  }

  async #finish(record: OperationRecord, handler: Finish): Promise<void> {
    const last = record.attempt + 1 >= this.#settings.maxAttempts;
    let ran = false;
    let returned = false;
    try {
      const result = await this.#once.run(callFor(record, last), async (work) => {
        ran = true;
        const value = await handler(record, work);
        returned = true;
        return value;
      });
      if (result.status === 'executed' && result.record.completedAtMs === null) throw notFinished(record);
      this.#failures.delete(record.id);
      if (result.status === 'executed') this.#tell({ kind: 'finished', record, attempt: result.record.attempt });
    } catch (error) {
      const lost = IdempotencyError.is(error, 'lease_lost');
      // What it returned cannot be kept: a tombstone is the outcome.
      const isOver = returned ? isUnfit(error) : last;
      if (ran && isOver && !lost) this.#tell({ kind: 'gave-up', record, error });
      else this.#tell({ kind: ran && !lost ? 'failed' : 'refused', record, error, retryInMs: this.#failed(record.id) });
    }
  }

  /** Notes a failure; gives the pause until the next try. */
  #failed(id: string): number {
    const count = (this.#failures.get(id)?.count ?? 0) + 1;
    const retryInMs = Math.min(this.#settings.backoffMs * 2 ** (count - 1), longestBackoffMs);
    // Set anew, so that the first entry is the one that has been silent for longest.
    this.#failures.delete(id);
    this.#failures.set(id, { count, notBeforeMs: this.#clock.monotonicMs() + retryInMs });
    const [oldest] = this.#failures.keys();
    if (this.#failures.size > maxRemembered && oldest !== undefined) this.#failures.delete(oldest);
    return retryInMs;
  }

  #tell(event: CompleterEvent): void {
    if (this.#onEvent !== undefined) tell(this.#onEvent, event);
    else if (event.kind === 'look-failed') warn(event.error);
  }
}

function notFinished({ operation }: OperationRecord): Error {
  return new Error(`${operation}: the handler has released the operation, or the store has not recorded its outcome`);
}

function isUnfit(error: unknown): boolean {
  return IdempotencyError.is(error, 'outcome_unserializable') || IdempotencyError.is(error, 'outcome_too_large');
}

/** The very operation of a record: same name, same input. Throws `field_invalid` where its labels do not name it. */
function callFor({ id, scope, operation, key, fingerprint }: OperationRecord, last: boolean): OperationCall {
  const call: OperationCall = {
    // An optional level that was absent is stored as an empty part.
    scope: scope.length === 0 ? 'public' : scope.map((part) => (part === '' ? undefined : part)),
    ...(operation === null ? {} : { operation }),
    key,
    ...(fingerprint === null ? {} : { fingerprint }),
    inProgress: 'reject',
    failures: last ? 'store' : 'release',
  };
  // An HTTP key may have blanks at its ends, which are trimmed here: that would be another operation, run beside this one.
  if (identify(call).id !== id) throw wrong('key', key, 'finish this operation where it came from');
  return call;
}
