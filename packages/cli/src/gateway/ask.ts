/**
 * One incoming request in the protocol's terms. The body is taken into memory only when
 * the protocol asks for it, up to its limit and in bounded time; otherwise it stays a
 * stream, so that what is not protected passes without being held. Whatever was read is
 * kept for forwarding: upstream gets every byte once.
 */
import type { IncomingMessage } from 'node:http';
import type { Ask, AskBody, ScopeAnswer } from 'oncekey/http';
import type { MaybePromise } from 'oncekey';
import { linesOf, type RequestHead } from './headers.ts';

/** The client sent its body too slowly. */
export class SlowBody extends Error {
  override readonly name = 'SlowBody';
}

/** The client went away before its body was whole. */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';
}

/** How the body goes upstream: none, whole, or as it arrives. */
export type OutgoingBody = null | Buffer | AsyncIterable<Buffer>;

const nothing = Buffer.alloc(0);
const smallBytes = 65_536;

/** What `protocol.begin` is asked with. */
export class IncomingAsk implements Ask {
  readonly method: string;
  readonly target: string;
  readonly head: RequestHead;
  readonly #request: IncomingMessage;
  readonly #findScope: (head: RequestHead) => MaybePromise<ScopeAnswer>;
  readonly #sendContinue: (() => void) | null;
  readonly #bodyMs: number;
  #received: Buffer[] = [];
  #whole: Buffer | null = null;

  constructor(
    request: IncomingMessage,
    target: string,
    head: RequestHead,
    rest: {
      readonly findScope: (head: RequestHead) => MaybePromise<ScopeAnswer>;
      /** Null when the client does not wait for it. */
      readonly sendContinue: (() => void) | null;
      readonly bodyMs: number;
    },
  ) {
    this.method = request.method ?? '';
    this.target = target;
    this.head = head;
    this.#request = request;
    this.#findScope = rest.findScope;
    this.#sendContinue = rest.sendContinue;
    this.#bodyMs = rest.bodyMs;
  }

  headerLines(name: string): readonly string[] {
    // Upgrades that are let through never come here; what is left of others is an ordinary request.
    return name === 'upgrade' ? [] : linesOf(this.head, name);
  }

  scope(): MaybePromise<ScopeAnswer> {
    return this.#findScope(this.head);
  }

  body(limitBytes: number): MaybePromise<AskBody> {
    if (!this.head.hasBody) return { kind: 'bytes', bytes: nothing };
    if (this.#whole !== null) {
      return this.#whole.length > limitBytes ? { kind: 'too-large' } : { kind: 'bytes', bytes: this.#whole };
    }
    if ((this.head.contentLength ?? 0) > limitBytes) return { kind: 'too-large' };
    this.#sendContinue?.();
    return new Promise((resolve, reject) => {
      const whole = (bytes: Buffer | null): void =>
        resolve(bytes === null ? { kind: 'too-large' } : { kind: 'bytes', bytes });
      this.#collect(limitBytes, whole, reject);
    });
  }

  /**
   * Whether the body is small and on its way: then it is worth having before anything is asked, since a
   * protocol that finds it here decides at once.
   */
  worthAwaiting(limitBytes: number): boolean {
    const length = this.head.contentLength ?? 0;
    return length > 0 && length <= Math.min(smallBytes, limitBytes) && this.#sendContinue === null;
  }

  /** Calls `ready` when the whole body is in memory, or `failed` with `SlowBody` or `ClientGone`. */
  arrive(ready: () => void, failed: (error: Error) => void): void {
    this.#collect(smallBytes, ready, failed);
  }

  /** The body for upstream; called once, when the protocol is done with the request. */
  outgoing(): OutgoingBody {
    if (!this.head.hasBody) return null;
    if (this.#whole !== null) return this.#whole;
    if (this.#received.length === 0) this.#sendContinue?.();
    return this.#remaining();
  }

  // `whole` gets null when there is more than the limit; what was read until then is kept.
  #collect(limitBytes: number, whole: (bytes: Buffer | null) => void, failed: (error: Error) => void): void {
    const request = this.#request;
    let size = 0;
    let done = false;
    const stop = (): void => {
      done = true;
      clearTimeout(timer);
    };
    const leaveOff = (): void => {
      stop();
      request.off('data', take).pause();
    };
    const take = (chunk: Buffer): void => {
      this.#received.push(chunk);
      size += chunk.length;
      if (size <= limitBytes) return;
      leaveOff();
      whole(null);
    };
    // Left in place where they are: a request that has ended says nothing more that matters.
    const end = (): void => {
      if (done) return;
      stop();
      this.#whole = this.#received.length === 1 ? (this.#received[0] ?? nothing) : Buffer.concat(this.#received, size);
      whole(this.#whole);
    };
    const gone = (): void => {
      if (done) return;
      stop();
      failed(new ClientGone('the client went away before its body was whole'));
    };
    const timer = setTimeout(() => {
      leaveOff();
      failed(new SlowBody('the body did not arrive in time'));
    }, this.#bodyMs);
    request.on('data', take).on('end', end).on('error', gone).on('close', gone);
  }

  async *#remaining(): AsyncGenerator<Buffer> {
    yield* this.#received;
    // Not destroyed on return: an answer may still have to go out on the same connection.
    yield* this.#request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  }
}

/**
 * Path and query of a request target, unchanged: origin-form as it is, absolute-form
 * without scheme and authority (RFC 9112 section 3.2.2). Null for what has no path (`*`).
 */
export function originForm(target: string): string | null {
  if (target.startsWith('/')) return target;
  const [, rest] = /^https?:\/\/[^/?#]+(.*)$/i.exec(target) ?? [];
  if (rest === undefined) return null;
  return rest.startsWith('/') ? rest : `/${rest}`;
}
