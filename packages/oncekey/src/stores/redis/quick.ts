/**
 * The two calls of all work, claim and complete, on the shortest way: a lone claim is one
 * native command, those that come while others are under way share a run of a short script.
 * Both only decide what is plain (I1–I3); whatever else there is to know about a record
 * (whose it is, whether its lease is over, what was noted) goes to the whole script, which
 * then decides alone. Every call ends.
 */
import type { ClaimAnswer, ClaimAsk, CompleteAnswer, CompleteAsk, RecordId } from '../../core/store.ts';
import type { ByteWriter } from './bytes.ts';
import type { CallOptions, Calls } from './calls.ts';
import type { CommandArgument } from './client.ts';
import { callError, serverWord, unavailable } from './failure.ts';
import { Gathered } from './gathered.ts';
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

/** What the server said to a batch: what was not done, by the place of its key. */
interface Told {
  readonly stored: CompleteAnswer;
  readonly undone: ReadonlySet<number>;
  readonly refused: ReadonlyMap<number, Buffer>;
}

/** Calls that go together, and what they say, one after the other. */
interface Batch {
  readonly completionKeys: readonly string[];
  readonly claimKeys: readonly string[];
  readonly completions: Buffer;
  readonly claims: Buffer;
  readonly answers: Answers;
}

/** What all first claims are answered. */
const first: ClaimAnswer = { kind: 'granted', attempt: 1, steps: [] };

/** The answers to a batch, which all its calls wait for. */
class Answers {
  readonly told: Promise<Told>;
  resolve!: (told: Told) => void;
  reject!: (error: unknown) => void;

  constructor() {
    this.told = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }
}

/** Makes claims and completions; `calls` makes those that are not plain. */
export class QuickCalls {
  readonly #options: CallOptions;
  readonly #calls: Calls;
  readonly #claims = new Gathered(writeClaim);
  readonly #completions = new Gathered(writeCompletion);
  /** What those that are gathered will be answered. */
  #answers = new Answers();
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
    try {
      const place = this.#add(this.#claims, ask, keyOf(this.#options.prefix, ask.id));
      return this.#asked().then(({ refused }) => this.#claimed(ask, refused.get(place)), claimFailed);
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  #claimed(ask: ClaimAsk, met: Buffer | undefined): ClaimAnswer | Promise<ClaimAnswer> {
    return met === undefined ? first : (finished(ask.id, met) ?? this.#calls.make(claim, ask));
  }

  /** {@link Store.complete}. */
  complete(ask: CompleteAsk): Promise<CompleteAnswer> {
    const { id, outcome } = ask;
    const isLarge = 'body' in outcome && outcome.body.byteLength > largeBytes;
    if (isLarge || !this.#isReady()) return this.#calls.make(complete, ask);
    try {
      // What is no id is no key of a record that was claimed; the whole script's call then says so.
      const place = this.#add(this.#completions, ask, this.#options.prefix + id);
      return this.#asked().then(
        ({ undone, stored }) => (undone.has(place) ? this.#calls.make(complete, ask) : stored),
        completionFailed,
      );
    } catch (error) {
      return Promise.reject(error as Error);
    }
  }

  /** Whether there is a connection; who waits for one waits with the other calls. */
  #isReady(): boolean {
    return this.#options.connection.state() === 'ready';
  }

  #add<Ask extends { readonly id: RecordId }>(gathered: Gathered<Ask>, ask: Ask, key: string): number {
    if (this.#open >= mostCalls)
      throw unavailable(`redis: ${mostCalls} calls already wait for the server; it is down or too slow`, 'other');
    const place = gathered.add(ask, key);
    this.#open += 1;
    return place;
  }

  /** Has what was added go, now or soon, and gives what it will be told. */
  #asked(): Promise<Told> {
    const { isCluster } = this.#options.connection;
    const { told } = this.#answers;
    const claims = this.#claims;
    const completions = this.#completions;
    if (isCluster) this.#send(this.#seal());
    else if (
      claims.keys.length + completions.keys.length >= fullCalls ||
      claims.writer.length + completions.writer.length >= fullBytes
    ) {
      this.#full.push(this.#seal());
      this.#sendFull();
    } else if (this.#inFlight === 0 && !this.#busy && !this.#gathering) this.#send(this.#seal());
    else this.#gather();
    return told;
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
    if (this.#isGathered()) this.#send(this.#seal());
    else this.#busy = false;
  }

  #isGathered(): boolean {
    return this.#claims.keys.length + this.#completions.keys.length > 0;
  }

  #seal(): Batch {
    const [claims, completions, answers] = [this.#claims.take(), this.#completions.take(), this.#answers];
    this.#answers = new Answers();
    return {
      completionKeys: completions.keys,
      claimKeys: claims.keys,
      completions: completions.bytes,
      claims: claims.bytes,
      answers,
    };
  }

  #send(batch: Batch): void {
    const { answers, completionKeys, claimKeys } = batch;
    const calls = completionKeys.length + claimKeys.length;
    this.#inFlight += 1;
    this.#busy = calls > 1;
    this.#options.deadlines.within(
      this.#answersTo(batch),
      (answer) => {
        this.#ended(calls);
        try {
          answers.resolve(toldOf(answer, completionKeys.length));
        } catch (error) {
          answers.reject(error);
        }
      },
      (error: unknown) => {
        this.#ended(calls);
        answers.reject(error);
      },
    );
  }

  #answersTo(batch: Batch): Promise<unknown> {
    const isLoneClaim = batch.completionKeys.length === 0 && batch.claimKeys.length === 1;
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
    if (calls > 1 || this.#full.length > 0 || this.#isGathered()) this.#gather();
  }

  /** One claim without a script. */
  #setAbsent({ claimKeys, claims }: Batch): Promise<unknown> {
    const key = claimKeys[0] ?? '';
    // As `writeClaim` wrote it: the digits of the expiry, the length of the record, the record.
    const digits = claims[0] ?? 0;
    const expiry = claims.toString('latin1', 1, 1 + digits);
    return this.#options.connection.setAbsent(key, claims.subarray(4 + digits), expiry).then(
      (old) => [0, [], old === null ? [] : [1, old]],
      (error: unknown) => {
        if (serverWord(error) !== 'WRONGTYPE') throw error;
        return [0, [], [1, Buffer.alloc(0)]];
      },
    );
  }

  #run({ completionKeys, claimKeys, completions, claims }: Batch): Promise<unknown> {
    const { connection, channel } = this.#options;
    const args: CommandArgument[] = [completions, claims];
    if (!connection.isCluster && completionKeys.length > 0) args.push(channel);
    return connection.run(quickScript, [...completionKeys, ...claimKeys], args);
  }
}

/**
 * What the server answered to so many completions and the claims after them: its time alone where everything was done; or
 * with it the places of completions that were not made, and places and records of claims that were refused.
 */
function toldOf(answer: unknown, completions: number): Told {
  const whole = Array.isArray(answer) ? answer : [timeOf(answer), [], []];
  const [now, undone, refused] = whole as [unknown, unknown[], unknown[]];
  const met = new Map<number, Buffer>();
  for (let at = 0; at < refused.length; at += 2) met.set(Number(refused[at]) - completions, refused[at + 1] as Buffer);
  return {
    stored: { kind: 'stored', completedAtMs: Number(now) },
    undone: new Set(undone.map(Number)),
    refused: met,
  };
}

function claimFailed(error: unknown): never {
  throw callError(error, 'claim');
}

function completionFailed(error: unknown): never {
  throw callError(error, 'complete');
}

/** The server's time. Throws for what is none. */
function timeOf(answer: unknown): number {
  const nowMs = Number(answer);
  if (nowMs > 0) return nowMs;
  throw new Error('the script answered something that is no answer of its own');
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
