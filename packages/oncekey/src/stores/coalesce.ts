/**
 * Calls that arrive while others are under way go to the server together. A lone caller
 * pays nothing: an idle coalescer sends at once. Shared by the stores on a network; it
 * knows no database, keeps no clock, and loses no call: each one ends in its own answer
 * or its own error.
 */
import { IdempotencyError } from '../core/errors.ts';

/** What became of one call of a batch. */
export type BatchEntry<Answer> = { readonly answer: Answer } | { readonly error: unknown };

/** How calls are sent together. */
export interface CoalesceOptions<Ask, Answer> {
  /** Sends a batch and answers one entry per ask, in the same order. What it throws fails every call of the batch. */
  readonly send: (asks: readonly Ask[]) => Promise<readonly BatchEntry<Answer>[]>;
  /** Most batches under way at once; 2 unless told. */
  readonly maxInFlight?: number;
  /** Most calls in a batch; 256 unless told. */
  readonly maxEntries?: number;
  /** Most bytes in a batch, by `bytesOf`; 4 MiB unless told. A larger call goes alone. */
  readonly maxBytes?: number;
  readonly bytesOf?: (ask: Ask) => number;
  /** Most calls that wait; 20,000 unless told. Beyond it a call is refused with `store_unavailable`. */
  readonly maxWaiting?: number;
  /** Where set, calls of one id never share a batch: the later one waits for the next. */
  readonly idOf?: (ask: Ask) => string;
  /**
   * Where set, calls that come while others are under way are gathered until it calls back, such as at the end of this
   * turn of the loop: answers of one batch wake callers whose next calls then go together, and none waits for a slot.
   */
  readonly gather?: (go: () => void) => void;
  /**
   * Shared by the queues of one store, since what one queue answers makes its callers call another: only who finds
   * nothing under way in any of them is alone, and calls are dealt out evenly to the batches that may still go.
   */
  readonly traffic?: Traffic;
  /** Whether a batch that threw this is sent again, call by call, so that one bad call does not fail its neighbours. */
  readonly apart?: (error: unknown) => boolean;
}

/** Fewer calls than these are not dealt out: a second batch costs more than its overlap with the first one gains. */
const smallestPart = 16;

/** Batches under way. */
export interface Traffic {
  underWay: number;
}

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly settle: (entry: BatchEntry<Answer>) => void;
}

/**
 * Answers a function that makes one call. `urgent` calls (heartbeats) overtake the waiting
 * ones and may use one more batch in flight, so that a storm of claims never costs a lease.
 */
export function coalesce<Ask, Answer>(
  options: CoalesceOptions<Ask, Answer>,
): (ask: Ask, urgent?: boolean) => Promise<Answer> {
  const coalescer = new Coalescer(options);
  return (ask, urgent = false) =>
    new Promise((resolve, reject) => {
      const settle = (entry: BatchEntry<Answer>): void => {
        if ('error' in entry) reject(entry.error);
        else resolve(entry.answer);
      };
      coalescer.add({ ask, settle }, urgent);
    });
}

class Coalescer<Ask, Answer> {
  readonly #options: CoalesceOptions<Ask, Answer>;
  readonly #maxInFlight: number;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #maxWaiting: number;
  readonly #traffic: Traffic;
  #urgent: Waiting<Ask, Answer>[] = [];
  #waiting: Waiting<Ask, Answer>[] = [];
  #inFlight = 0;
  #isGathering = false;

  constructor(options: CoalesceOptions<Ask, Answer>) {
    this.#options = options;
    this.#maxInFlight = options.maxInFlight ?? 2;
    this.#maxEntries = options.maxEntries ?? 256;
    this.#maxBytes = options.maxBytes ?? 4 * 1024 * 1024;
    this.#maxWaiting = options.maxWaiting ?? 20_000;
    this.#traffic = options.traffic ?? { underWay: 0 };
  }

  add(call: Waiting<Ask, Answer>, urgent: boolean): void {
    const queue = urgent ? this.#urgent : this.#waiting;
    if (queue.length >= this.#maxWaiting) {
      call.settle({ error: crowded(this.#maxWaiting) });
      return;
    }
    queue.push(call);
    if (this.#traffic.underWay === 0) this.#go();
    else this.#goSoon();
  }

  /** At once, or when what comes in the same turn has been gathered. */
  #goSoon(): void {
    if (this.#isGathering) return;
    this.#isGathering = true;
    this.#afterTurn(() => {
      this.#isGathering = false;
      this.#go();
    });
  }

  #afterTurn(act: () => void): void {
    const { gather } = this.#options;
    if (gather === undefined) act();
    else gather(act);
  }

  #go(): void {
    while (this.#urgent.length > 0 && this.#inFlight <= this.#maxInFlight) this.#send(this.#take());
    while (this.#waiting.length > 0 && this.#inFlight < this.#maxInFlight) this.#send(this.#take());
  }

  /** The next batch: urgent calls first, then as many of the others as fit. */
  #take(): Waiting<Ask, Answer>[] {
    const batch = new Batch<Ask, Answer>(this.#options, this.#entries(), this.#maxBytes);
    this.#urgent = batch.fill(this.#urgent);
    this.#waiting = batch.fill(this.#waiting);
    return batch.calls;
  }

  /** Two halves at a time keep the server and this process busy, where one whole would make them wait for each other. */
  #entries(): number {
    if (this.#options.traffic === undefined) return this.#maxEntries;
    const parts = Math.max(this.#maxInFlight - this.#traffic.underWay, 1);
    const part = Math.ceil((this.#urgent.length + this.#waiting.length) / parts);
    return Math.min(Math.max(part, smallestPart), this.#maxEntries);
  }

  #send(calls: readonly Waiting<Ask, Answer>[]): void {
    this.#inFlight += 1;
    this.#traffic.underWay += 1;
    const free = (): void => {
      this.#inFlight -= 1;
      // Those whom this batch answers, and who call again in this turn, are not alone.
      if (calls.length > 1) this.#afterTurn(() => (this.#traffic.underWay -= 1));
      else this.#traffic.underWay -= 1;
      if (this.#urgent.length + this.#waiting.length > 0) this.#goSoon();
    };
    this.#play(calls, free).catch(nothing);
  }

  /** Never rejects: every call is settled, once the place of the batch is free for the calls that this leads to. */
  async #play(calls: readonly Waiting<Ask, Answer>[], free: () => void): Promise<void> {
    try {
      const entries = await this.#options.send(calls.map((call) => call.ask));
      free();
      for (const [index, call] of calls.entries()) call.settle(entries[index] ?? { error: missing() });
    } catch (error) {
      if (calls.length > 1 && this.#options.apart?.(error) === true) {
        for (const call of calls) await this.#play([call], nothing);
        free();
      } else {
        free();
        for (const call of calls) call.settle({ error });
      }
    }
  }
}

function nothing(): void {}

class Batch<Ask, Answer> {
  readonly calls: Waiting<Ask, Answer>[] = [];
  readonly #options: CoalesceOptions<Ask, Answer>;
  readonly #ids = new Set<string>();
  #entriesLeft: number;
  #bytesLeft: number;

  constructor(options: CoalesceOptions<Ask, Answer>, maxEntries: number, maxBytes: number) {
    this.#options = options;
    this.#entriesLeft = maxEntries;
    this.#bytesLeft = maxBytes;
  }

  /** Takes what fits, in order; answers what has to wait. */
  fill(queue: Waiting<Ask, Answer>[]): Waiting<Ask, Answer>[] {
    if (queue.length === 0) return queue;
    const left: Waiting<Ask, Answer>[] = [];
    for (const call of queue) {
      if (!this.#takes(call)) left.push(call);
    }
    return left;
  }

  #takes(call: Waiting<Ask, Answer>): boolean {
    if (this.#entriesLeft === 0) return false;
    const id = this.#options.idOf?.(call.ask);
    if (id !== undefined && this.#ids.has(id)) return false;
    // From here on the id is taken also by a call that does not fit: calls of one id keep their order.
    if (id !== undefined) this.#ids.add(id);
    const bytes = this.#options.bytesOf?.(call.ask) ?? 0;
    if (bytes > this.#bytesLeft && this.calls.length > 0) return false;
    this.#entriesLeft -= 1;
    this.#bytesLeft -= bytes;
    this.calls.push(call);
    return true;
  }
}

function crowded(maxWaiting: number): IdempotencyError<'store_unavailable'> {
  const message = `${maxWaiting} calls already wait for the store; it is down or too slow: check it, then retry`;
  return new IdempotencyError('store_unavailable', message, { phase: 'other' });
}

function missing(): Error {
  return new Error('the store answered fewer entries than it was asked');
}
