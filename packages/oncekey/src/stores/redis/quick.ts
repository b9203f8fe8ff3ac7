/**
 * The two calls of all work, claim and complete, on the shortest way: a lone claim is one
 * native command, those that come while others are under way share a run of a short script.
 * Both only decide what is plain (I1–I3); whatever else there is to know about a record
 * (whose it is, whether its lease is over, what was noted) goes to the whole script, which
 * then decides alone. Every call ends.
 */
import type { ClaimAnswer, ClaimAsk, CompleteAnswer, CompleteAsk, RecordId } from '../../core/store.ts';
import { ByteWriter } from './bytes.ts';
import type { CallOptions, Calls } from './calls.ts';
import type { CommandArgument } from './client.ts';
import { callError, serverWord, unavailable } from './failure.ts';
import { keyOf } from './key.ts';
import { writeOutcome } from './outcome.ts';
import { claim, complete, finished } from './ownership.ts';
import { wholeMs, writeFresh, writeFreshHead } from './record.ts';
import { quickScript } from './script-quick.ts';

/** Most runs under way: on a network with a long way, fewer would make calls wait for a whole one. */
const maxInFlight = 8;
/** A batch of so many calls or bytes goes without waiting for more: the server works on it while the next one grows. */
const fullCalls = 32;
const fullBytes = 256 * 1024;
/** A larger outcome goes by the whole script, which counts what is under way in bytes. */
const largeBytes = 64 * 1024;
/** Most calls that wait for an answer. */
const mostCalls = 20_000;

interface Waiting<Ask, Answer> {
  readonly ask: Ask;
  readonly key: string;
  readonly resolve: (answer: Answer | Promise<Answer>) => void;
  readonly reject: (error: unknown) => void;
}

type Claiming = Waiting<ClaimAsk, ClaimAnswer>;
type Completing = Waiting<CompleteAsk, CompleteAnswer>;

/**
 * The server's time alone where everything was done; or with it the places of completions that were not made, and places
 * and records of claims that were refused.
 */
type Told = readonly [now: unknown, undone: readonly unknown[], refused: readonly unknown[]];

const none: readonly unknown[] = [];

const nothing = Buffer.alloc(0);
/** What all first claims are answered. */
const first: ClaimAnswer = { kind: 'granted', attempt: 1, steps: [] };

/** Calls that go together, and what they say, one after the other. */
interface Batch {
  readonly completing: readonly Completing[];
  readonly claiming: readonly Claiming[];
  readonly completions: Buffer;
  readonly claims: Buffer;
}

/** Makes claims and completions; `calls` makes those that are not plain. */
export class QuickCalls {
  readonly #options: CallOptions;
  readonly #calls: Calls;
  readonly #claims = new ByteWriter();
  readonly #completions = new ByteWriter();
  #claiming: Claiming[] = [];
  #completing: Completing[] = [];
  #full: Batch[] = [];
  #inFlight = 0;
  #open = 0;
  /** Whether a turn of the loop is being waited for, whose calls go together. */
  #gathering = false;
  /** Whether the last batch was shared: then a call does not go before its neighbours of this turn. */
  #busy = false;

  constructor(options: CallOptions, calls: Calls) {
    this.#options = options;
    this.#calls = calls;
  }

  /** {@link Store.claim}. */
  claim(ask: ClaimAsk): Promise<ClaimAnswer> {
    // Without an expiry nothing would tell when the lease is over.
    if (ask.keepMs === null || !this.#isReady()) return this.#calls.make(claim, ask);
    return this.#add(ask, keyOf, this.#claiming, this.#claims, writeClaim);
  }

  /** {@link Store.complete}. */
  complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const { outcome } = ask;
    const isLarge = 'body' in outcome && outcome.body.byteLength > largeBytes;
    if (isLarge || !this.#isReady()) return this.#calls.make(complete, ask);
    return this.#add(ask, claimedKey, this.#completing, this.#completions, writeCompletion);
  }

  /** Whether there is a connection; who waits for one waits with the other calls. */
  #isReady(): boolean {
    return this.#options.connection.state() === 'ready';
  }

  #add<Ask extends { readonly id: RecordId }, Answer>(
    ask: Ask,
    keyFor: (prefix: string, id: RecordId) => string,
    together: Waiting<Ask, Answer>[],
    writer: ByteWriter,
    write: (writer: ByteWriter, ask: Ask) => void,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (this.#open >= mostCalls)
        throw unavailable(`redis: ${mostCalls} calls already wait for the server; it is down or too slow`, 'other');
      const key = keyFor(this.#options.prefix, ask.id);
      const begins = writer.length;
      try {
        write(writer, ask);
      } catch (error) {
        writer.back(begins);
        throw error;
      }
      together.push({ ask, key, resolve, reject });
      this.#open += 1;
      this.#sendOrGather();
    });
  }

  #sendOrGather(): void {
    const { isCluster } = this.#options.connection;
    const calls = this.#claiming.length + this.#completing.length;
    if (isCluster) this.#send(this.#seal());
    else if (calls >= fullCalls || this.#claims.length + this.#completions.length >= fullBytes) {
      this.#full.push(this.#seal());
      this.#sendFull();
    } else if (this.#inFlight === 0 && !this.#busy && !this.#gathering) this.#send(this.#seal());
    else this.#gather();
  }

  /** Calls of this turn of the loop go together at its end. */
  #gather(): void {
    if (this.#gathering) return;
    this.#gathering = true;
    setImmediate(() => {
      this.#gathering = false;
      this.#sendAll();
    });
  }

  #sendFull(): void {
    while (this.#inFlight < maxInFlight) {
      const batch = this.#full.shift();
      if (batch === undefined) return;
      this.#send(batch);
    }
  }

  #sendAll(): void {
    this.#sendFull();
    if (this.#inFlight >= maxInFlight) return;
    if (this.#claiming.length + this.#completing.length > 0) this.#send(this.#seal());
    else this.#busy = false;
  }

  #seal(): Batch {
    const batch = {
      completing: this.#completing,
      claiming: this.#claiming,
      completions: this.#completions.take(),
      claims: this.#claims.take(),
    };
    this.#completing = [];
    this.#claiming = [];
    return batch;
  }

  #send(batch: Batch): void {
    const calls = batch.completing.length + batch.claiming.length;
    this.#inFlight += 1;
    this.#busy = calls > 1;
    const fail = (error: unknown): void => {
      for (const { reject } of batch.claiming) reject(callError(error, 'claim'));
      for (const { reject } of batch.completing) reject(callError(error, 'complete'));
    };
    this.#options.deadlines.within(
      this.#answersTo(batch),
      (answers) => {
        this.#ended(calls);
        try {
          this.#settle(batch, answers);
        } catch (error) {
          // An answer that is none: who has not been told by now is told so.
          fail(error);
        }
      },
      (error: unknown) => {
        this.#ended(calls);
        fail(error);
      },
    );
  }

  #answersTo(batch: Batch): Promise<unknown> {
    const isLoneClaim = batch.completing.length === 0 && batch.claiming.length === 1;
    try {
      return isLoneClaim ? this.#setAbsent(batch) : this.#run(batch);
    } catch (error) {
      // A client that throws instead of rejecting must not leave its neighbours without an answer.
      return Promise.reject(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #ended(calls: number): void {
    this.#inFlight -= 1;
    this.#open -= calls;
    // Answers of one batch wake callers whose next calls then go together.
    if (calls > 1 || this.#full.length + this.#claiming.length + this.#completing.length > 0) this.#gather();
  }

  /** One claim without a script. */
  #setAbsent({ claiming, claims }: Batch): Promise<unknown> {
    const key = claiming[0]?.key ?? '';
    // As `writeClaim` wrote it: the digits of the expiry, the length of the record, the record.
    const digits = claims[0] ?? 0;
    const expiry = claims.toString('latin1', 1, 1 + digits);
    return this.#options.connection.setAbsent(key, claims.subarray(4 + digits), expiry).then(
      (old) => [0, none, old === null ? none : [1, old]],
      (error: unknown) => {
        if (serverWord(error) !== 'WRONGTYPE') throw error;
        return [0, none, [1, nothing]];
      },
    );
  }

  #run({ completing, claiming, completions, claims }: Batch): Promise<unknown> {
    const { connection, channel } = this.#options;
    const keys: string[] = [];
    for (const { key } of completing) keys.push(key);
    for (const { key } of claiming) keys.push(key);
    const args: CommandArgument[] = [completions, claims];
    if (!connection.isCluster && completing.length > 0) args.push(channel);
    return connection.run(quickScript, keys, args);
  }

  #settle({ completing, claiming }: Batch, answers: unknown): void {
    const told: Told = Array.isArray(answers) ? (answers as unknown as Told) : [timeOf(answers), none, none];
    const [now, undone, refused] = told;
    const stored = { kind: 'stored', completedAtMs: Number(now) } as const;
    let place = 0;
    let next = 0;
    for (const { ask, resolve } of completing) {
      place += 1;
      if (Number(undone[next]) === place) {
        next += 1;
        resolve(this.#calls.make(complete, ask));
      } else resolve(stored);
    }
    next = 0;
    for (const claimed of claiming) {
      place += 1;
      if (Number(refused[next]) === place) {
        this.#refused(claimed, refused[next + 1] as Buffer);
        next += 2;
      } else claimed.resolve(first);
    }
  }

  #refused({ ask, resolve, reject }: Claiming, record: Buffer): void {
    try {
      resolve(finished(ask.id, record) ?? this.#calls.make(claim, ask));
    } catch (error) {
      reject(error);
    }
  }
}

/** The server's time. Throws for what is none. */
function timeOf(answer: unknown): number {
  const nowMs = Number(answer);
  if (nowMs > 0) return nowMs;
  throw new Error('the script answered something that is no answer of its own');
}

/** The key of a record that was claimed. An id that is none finds none, and the whole script's call then says so. */
function claimedKey(prefix: string, id: RecordId): string {
  return prefix + id;
}

function writeClaim(writer: ByteWriter, ask: ClaimAsk): void {
  const keepMs = wholeMs(ask.keepMs ?? 0);
  const spanMs = Math.max(wholeMs(ask.leaseMs) + keepMs, 1);
  const from = writer.textPiece(String(spanMs), 1, 'the lease').begin(3);
  writeFresh(writer, ask, spanMs, keepMs);
  writer.end(from, 3, 'the record');
}

function writeCompletion(writer: ByteWriter, { id, token, outcome, retentionMs }: CompleteAsk): void {
  const owned = writer.begin(1);
  writeFreshHead(writer, token);
  writer.end(owned, 1, 'the token');
  const retention = retentionMs === null ? '' : String(Math.max(wholeMs(retentionMs), 1));
  const from = writer.textPiece(retention, 1, 'the retention').begin(3);
  writeOutcome(writer, id, outcome);
  writer.end(from, 3, 'the outcome');
}
