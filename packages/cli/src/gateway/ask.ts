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
    if ((this.head.contentLength ?? 0) > limitBytes) return { kind: 'too-large' };
    this.#sendContinue?.();
    return this.#collect(limitBytes);
  }

  /** Whether the whole body is in memory, or there is none. */
  get whole(): boolean {
    return this.#whole !== null || !this.head.hasBody;
  }

  /** The body for upstream; called once, when the protocol is done with the request. */
  outgoing(): OutgoingBody {
    if (!this.head.hasBody) return null;
    if (this.#whole !== null) return this.#whole;
    if (this.#received.length === 0) this.#sendContinue?.();
    return this.#remaining();
  }

  #collect(limitBytes: number): Promise<AskBody> {
    const request = this.#request;
    return new Promise((resolve, reject) => {
      let size = 0;
      const stop = (): void => {
        clearTimeout(timer);
        request.off('data', take).off('end', end).off('error', gone).off('close', gone);
      };
      const take = (chunk: Buffer): void => {
        this.#received.push(chunk);
        size += chunk.length;
        if (size <= limitBytes) return;
        stop();
        request.pause();
        resolve({ kind: 'too-large' });
      };
      const end = (): void => {
        stop();
        this.#whole =
          this.#received.length === 1 ? (this.#received[0] ?? nothing) : Buffer.concat(this.#received, size);
        resolve({ kind: 'bytes', bytes: this.#whole });
      };
      const gone = (): void => {
        stop();
        reject(new ClientGone('the client went away before its body was whole'));
      };
      const timer = setTimeout(() => {
        stop();
        request.pause();
        reject(new SlowBody('the body did not arrive in time'));
      }, this.#bodyMs);
      request.on('data', take).on('end', end).on('error', gone).on('close', gone);
    });
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
