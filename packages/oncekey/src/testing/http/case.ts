/**
 * What the cases of the HTTP contract are written with: apps that count their runs,
 * requests over raw sockets, and conditions that are waited for with a deadline.
 */
import assert from 'node:assert/strict';
import { systemClock } from '../../core/clock.ts';
import type { HeaderLine } from '../../core/outcome.ts';
import type { Random } from '../seed.ts';
import type { HttpAbility, HttpReply, HttpSetup, HttpWork, OpenApp } from './setup.ts';
import { send, Wire, requestBytes, type Reply, type Sent } from './wire.ts';

/** One case before it has an app. */
export interface HttpCaseDefinition {
  readonly id: string;
  readonly name: string;
  readonly needs?: readonly HttpAbility[];
  run(context: HttpCaseContext): Promise<void>;
}

/** A condition that does not come true within so long fails its case. */
const deadlineMs = 10_000;
const lookMs = 5;
const encoder = new TextEncoder();

/** Headers that belong to one sending of an answer, not to the answer. */
const ofOneSending = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

/** What a case works with. */
export class HttpCaseContext {
  readonly random: Random;
  readonly #open: OpenApp;
  readonly #closers: (() => Promise<void>)[] = [];

  constructor(open: OpenApp, random: Random) {
    this.#open = open;
    this.random = random;
  }

  /** A key that nobody used. */
  key(): string {
    return `key-${this.random.hex(16)}`;
  }

  /** Opens an app that answers `work`, or always the same reply; it ends with the case. */
  async app(work: HttpWork | HttpReply = {}, setup: Partial<Omit<HttpSetup, 'work'>> = {}): Promise<App> {
    let runs = 0;
    const counted: HttpWork = (call) => {
      runs++;
      return typeof work === 'function' ? work(call) : work;
    };
    const opened = await this.#open({
      options: {},
      scope: 'public',
      store: (inner) => inner,
      bodyParser: 'none',
      nested: false,
      ...setup,
      work: counted,
    });
    this.#closers.push(() => opened.close());
    return new App(opened.port, this.key(), () => runs);
  }

  /** Does something before the apps that are open by now end. */
  atEnd(act: () => void): void {
    this.#closers.push(async () => act());
  }

  /** Ends what was opened. */
  async close(): Promise<void> {
    for (const close of this.#closers.splice(0).reverse()) await close();
  }
}

/** An app and the requests that a case sends it; a request has the same key unless it says otherwise. */
export class App {
  readonly port: number;
  readonly key: string;
  /** How often the work ran so far. */
  readonly runs: () => number;

  constructor(port: number, key: string, runs: () => number) {
    this.port = port;
    this.key = key;
    this.runs = runs;
  }

  /** Sends a request with the app's key. */
  ask(sent: Sent = {}): Promise<Reply> {
    return send(this.port, { key: this.key, ...sent });
  }

  /** Sends a request without a key of its own. */
  plain(sent: Sent = {}): Promise<Reply> {
    return send(this.port, sent);
  }

  /** Sends a request with the app's key and leaves the connection in the case's hands. */
  wire(sent: Sent = {}): Wire {
    const wire = new Wire(this.port);
    wire.write(requestBytes({ key: this.key, ...sent }));
    return wire;
  }

  /** Asks again until the answer is another one than "in progress". */
  async settled(sent: Sent = {}): Promise<Reply> {
    return eventually(
      () => this.ask(sent),
      (reply) => codeOf(reply) !== 'idempotency_in_progress',
      'the first request must come to an end',
    );
  }
}

/** Looks until `good` holds of what is seen; fails with `what` when it does not within ten seconds. */
export async function eventually<T>(look: () => T | Promise<T>, good: (seen: T) => boolean, what: string): Promise<T> {
  const started = systemClock.monotonicMs();
  for (let seen = await look(); ; seen = await look()) {
    if (good(seen)) return seen;
    assert.ok(systemClock.monotonicMs() - started < deadlineMs, what);
    await pause(lookMs);
  }
}

/** Lets so much time pass. */
export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    systemClock.after(ms, resolve);
  });
}

/** A promise and its resolution. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

/** For works that are held still. */
export function gate(): Gate {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/** The code of a refusal; undefined for any other answer. */
export function codeOf({ body }: Reply): string | undefined {
  try {
    return (JSON.parse(body.toString()) as { code?: string } | null)?.code;
  } catch {
    return undefined;
  }
}

/** Fails unless the answer is this refusal. */
export function refused(reply: Reply, status: number, code: string): void {
  assert.deepEqual([reply.status, codeOf(reply)], [status, code], 'the request must be refused so');
}

/** Fails unless `again` is the replay of `first`: status, headers and bytes, and the marker on it alone (I4). */
export function replays(first: Reply, again: Reply, marker = 'idempotent-replayed'): void {
  assert.equal(first.whole, true, 'the first answer must be whole');
  assert.equal(again.whole, true, 'the replay must be whole');
  assert.equal(first.header(marker), undefined, 'a first answer has no marker');
  assert.deepEqual(again.all(marker), ['true'], 'a replay has the marker');
  assert.equal(again.status, first.status, 'a replay has the status of the first answer');
  assert.ok(again.body.equals(first.body), 'a replay has the bytes of the first answer');
  assert.deepEqual(keptOf(again, marker), keptOf(first, marker), 'a replay has the headers of the first answer');
}

/** Fails if the answer is a replay. */
export function ran(reply: Reply): void {
  assert.equal(reply.header('idempotent-replayed'), undefined, 'it must be an answer of its own');
}

/** Lines of the answer itself; the order counts only among lines of one name (RFC 9110 section 5.3). */
function keptOf({ lines }: Reply, marker: string): HeaderLine[] {
  return lines
    .filter(([name]) => !ofOneSending.has(name) && name !== marker)
    .toSorted(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0));
}

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

/** Pieces one after the other, with `between` before each but the first. */
export async function* pieces(
  parts: readonly (string | Uint8Array)[],
  between: (index: number) => Promise<unknown> | undefined = () => undefined,
): AsyncGenerator<Uint8Array> {
  for (const [index, part] of parts.entries()) {
    if (index > 0) await between(index);
    yield typeof part === 'string' ? bytesOf(part) : part;
  }
}
