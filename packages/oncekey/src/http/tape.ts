/**
 * Records one live answer and decides what becomes of it (rules 7 and 12–14): stored,
 * released or a tombstone, before the entry may send the end of it (I5). A stale owner
 * never finishes its answer (I3, rule 9). It holds at most `maxResponseBytes`. Observing, it
 * records what enforcing would have stored, and what becomes of that is heard in events.
 */
import type { DuplicateDecision, Ownership } from '../core/engine.ts';
import { chain, isPromise, type MaybePromise } from '../core/maybe.ts';
import type { HeaderLine, NotKeptReason, Outcome } from '../core/outcome.ts';
import { keptLines } from './headers.ts';
import type { Answer, AskHead, Send, Tape } from './seam.ts';
import type { Settings } from './settings.ts';

/** What a tape needs to know of its request. */
export interface TapeAsk {
  readonly settings: Settings;
  readonly ownership: Ownership;
  /** What a duplicate would be told now. */
  duplicate(): MaybePromise<DuplicateDecision>;
  answerDuplicate(decision: DuplicateDecision): MaybePromise<Answer>;
  /** The answer that stands for a thrown error. */
  failed(): MaybePromise<Answer>;
  readonly ask: Pick<AskHead, 'waitUntil'>;
}

const noBytes = new Uint8Array(0);

/** The tape of one running request. */
export class AnswerTape implements Tape {
  readonly #ask: TapeAsk;
  #status = 200;
  #headers: readonly HeaderLine[] = [];
  #chunks: Uint8Array[] = [];
  #bytes = 0;
  #lostWhy: NotKeptReason | null = null;

  constructor(ask: TapeAsk) {
    this.#ask = ask;
  }

  head(status: number, headers: readonly HeaderLine[]): void {
    this.#status = status;
    this.#headers = headers;
    if (isEventStream(headers)) this.#lose('stream');
  }

  chunk(bytes: Uint8Array, given = false): void {
    if (this.#lostWhy !== null || bytes.length === 0) return;
    this.#bytes += bytes.length;
    if (this.#bytes > this.#ask.settings.maxResponseBytes) this.#lose('oversize');
    else this.#chunks.push(given ? bytes : new Uint8Array(bytes));
  }

  end(sent: boolean): MaybePromise<Send> {
    const { ownership, settings } = this.#ask;
    const given = ownership.released || !isStored(settings, this.#status);
    return this.#told(given ? this.#giveBack(sent) : this.#complete(this.#outcome(), sent, 'send'));
  }

  fail(error: unknown, sent: boolean): MaybePromise<Send> {
    return this.#told(this.#fail(error, sent));
  }

  #fail(error: unknown, sent: boolean): MaybePromise<Send> {
    const { settings, ownership } = this.#ask;
    if (ownership.released || settings.serverErrors === 'release') return this.#giveBack(sent);
    settings.onWorkError(error);
    if (sent) return chain(this.#complete(notKept('cut'), true, 'break'), () => 'break');
    return chain(this.#ask.failed(), (answer) => {
      const outcome: Outcome = { kind: 'answer', ...answer, headers: keptLines(answer.headers, settings.replayName) };
      return this.#complete(outcome, false, { instead: answer });
    });
  }

  cut(): MaybePromise<unknown> {
    const { ownership } = this.#ask;
    return this.#keepAlive<unknown>(ownership.released ? ownership.giveBack() : ownership.complete(notKept('cut')));
  }

  #complete(outcome: Outcome, sent: boolean, whenStored: Send): MaybePromise<Send> {
    const { ownership } = this.#ask;
    const done = ownership.lost ? 'lost' : ownership.complete(outcome);
    return this.#keepAlive(
      chain(done, (kind): MaybePromise<Send> => {
        if (kind === 'lost') return this.#stale(sent);
        if (kind === 'unrecorded' && this.#ask.settings.unrecorded === 'break') return 'break';
        return whenStored;
      }),
    );
  }

  #giveBack(sent: boolean): MaybePromise<Send> {
    const { ownership } = this.#ask;
    const done = ownership.lost ? 'lost' : ownership.giveBack();
    // Where the release could not be recorded the lease ends it: nothing was promised to the client.
    return this.#keepAlive(chain(done, (kind): MaybePromise<Send> => (kind === 'lost' ? this.#stale(sent) : 'send')));
  }

  #stale(sent: boolean): MaybePromise<Send> {
    if (sent) return 'break';
    const told = chain(this.#ask.duplicate(), (decision) => this.#ask.answerDuplicate(decision));
    return chain(told, (instead) => ({ instead }));
  }

  #outcome(): Outcome {
    const { settings } = this.#ask;
    const headers = keptLines(this.#headers, settings.replayName);
    if (this.#lostWhy === null) return { kind: 'answer', status: this.#status, headers, body: this.#body() };
    if (settings.oversize === 'tombstone') return notKept(this.#lostWhy);
    return { kind: 'not-kept', reason: this.#lostWhy, status: this.#status, headers };
  }

  #body(): Uint8Array {
    if (this.#chunks.length <= 1) return this.#chunks[0] ?? noBytes;
    const body = new Uint8Array(this.#bytes);
    let at = 0;
    for (const chunk of this.#chunks) {
      body.set(chunk, at);
      at += chunk.length;
    }
    return body;
  }

  #lose(why: NotKeptReason): void {
    this.#lostWhy ??= why;
    this.#chunks = [];
  }

  /** Observing holds nothing back and changes no answer. The engine tells failures as values: none is lost with its promise. */
  #told(send: MaybePromise<Send>): MaybePromise<Send> {
    return this.#ask.settings.mode === 'observe' ? 'send' : send;
  }

  #keepAlive<T>(work: MaybePromise<T>): MaybePromise<T> {
    if (isPromise(work)) this.#ask.ask.waitUntil?.(work);
    return work;
  }
}

/** Whether an answer of this status stands for good (rule 7); else the key is given back. */
export function isStored(settings: Settings, status: number): boolean {
  if (status < 200 || status === 304) return false;
  if (status < 500) return !settings.released.has(status);
  if (settings.serverErrors === 'safe') return status !== 503;
  return settings.serverErrors === 'store';
}

function notKept(reason: NotKeptReason): Outcome {
  return { kind: 'not-kept', reason, status: null, headers: [] };
}

function isEventStream(headers: readonly HeaderLine[]): boolean {
  return headers.some(
    ([name, value]) => name.toLowerCase() === 'content-type' && /^\s*text\/event-stream\b/i.test(value),
  );
}
