/**
 * One request from its arrival to its last byte: asks the protocol, and answers, passes or
 * runs. Running means forwarding while the answer is taped. Every way in which upstream
 * can fail ends here in an outcome: not sent, released (I10); sent and unknown, on the
 * tape like any other 5xx; broken half way, a tombstone.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Answer, Begun, ScopeAnswer } from 'oncekey/http';
import type { MaybePromise } from 'oncekey';
import { LiveAnswer, sendAnswer } from './answer.ts';
import { ClientGone, IncomingAsk, originForm, SlowBody } from './ask.ts';
import { readHead, towardsClient, towardsUpstream, type RequestHead } from './headers.ts';
import type { RefusalKind } from './refuse.ts';
import type { Route } from './routes.ts';
import { ScopeUnavailable } from './scope.ts';
import type { Sending, Upstream, UpstreamFailure } from './upstream.ts';

/** How a request was dealt with, for logs and metrics. */
export interface Passage {
  readonly method: string;
  readonly target: string;
  readonly how: 'answer' | 'pass' | 'run' | 'refused';
  readonly status: number;
  readonly failure: UpstreamFailure | null;
}

/** What exchanges share. */
export interface Hall {
  /** The settings that hold for a request. */
  readonly routeFor: (method: string, target: string) => Route;
  readonly upstream: Upstream;
  readonly findScope: (head: RequestHead) => MaybePromise<ScopeAnswer>;
  readonly bodyMs: number;
  readonly stalledClientMs: number;
  /** Whether the gateway is ending: nothing new is sent upstream. */
  readonly draining: () => boolean;
  /** A request is over. Called once each. */
  readonly passed: (passage: Passage, exchange: Exchange) => void;
  /** Something threw that should not. */
  readonly fault: (error: unknown) => void;
}

type Ownership = Extract<Begun, { kind: 'run' }>['ownership'];

/** One exchange. */
export class Exchange {
  readonly #hall: Hall;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #target: string | null;
  readonly #route: Route;
  #ask: IncomingAsk | null = null;
  #sending: Sending | null = null;
  #failure: UpstreamFailure | null = null;
  #how: Passage['how'] = 'refused';

  constructor(hall: Hall, request: IncomingMessage, response: ServerResponse) {
    this.#hall = hall;
    this.#request = request;
    this.#response = response;
    this.#target = originForm(request.url ?? '');
    this.#route = hall.routeFor(request.method ?? '', this.#target ?? '');
  }

  /** Begins. `waitsForContinue`: the client holds its body back until it hears 100. */
  start(waitsForContinue: boolean): void {
    const { findScope, bodyMs } = this.#hall;
    const { protects, maxRequestBytes } = this.#route;
    const head = readHead(this.#request.rawHeaders);
    const target = this.#target;
    if (this.#hall.draining()) return this.#refuse('shutting-down');
    if (target === null || head.hostLines > 1) return this.#refuse('bad-request');
    const sendContinue = waitsForContinue ? (): void => this.#response.writeContinue() : null;
    const ask = new IncomingAsk(this.#request, target, head, { findScope, sendContinue, bodyMs });
    this.#ask = ask;
    if (protects(head, ask.method) && ask.worthAwaiting(maxRequestBytes)) {
      ask.arrive(
        () => this.#begin(ask),
        (error) => this.#fail(error),
      );
    } else this.#begin(ask);
  }

  #begin(ask: IncomingAsk): void {
    try {
      const begun = this.#route.protocol.begin(ask);
      if (!(begun instanceof Promise)) this.#proceed(ask, begun);
      else begun.then((later) => this.#guard(ask, later)).catch((error: unknown) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #guard(ask: IncomingAsk, begun: Begun): void {
    // Waiting took time: a client that left meanwhile wants nothing any more, unless its work is owned.
    if (this.#response.destroyed && begun.kind !== 'run') return this.#over(0);
    this.#proceed(ask, begun);
  }

  #proceed(ask: IncomingAsk, begun: Begun): void {
    this.#how = begun.kind;
    if (begun.kind === 'answer') {
      sendAnswer(this.#response, begun.answer, begun.close);
      return this.#over(begun.answer.status);
    }
    const tape = begun.kind === 'run' ? begun.tape : null;
    const ownership = begun.kind === 'run' ? begun.ownership : null;
    const answer = new LiveAnswer({
      response: this.#response,
      tape,
      edit: begun.edit,
      method: ask.method,
      stalledClientMs: this.#hall.stalledClientMs,
      over: (status) => this.#over(status),
    });
    this.#forward(ask, answer, ownership);
  }

  #forward(ask: IncomingAsk, answer: LiveAnswer, ownership: Ownership | null): void {
    if (this.#hall.draining()) return this.#unsent(answer, ownership, 'shutting-down');
    const body = ask.outgoing();
    const headers = towardsUpstream(ask.head, clientOf(this.#request), body !== null && !Buffer.isBuffer(body));
    // What nobody owns ends with the client who asked for it.
    if (ownership === null) this.#response.on('close', () => this.#response.writableFinished || this.#sending?.abort());
    const sending = this.#hall.upstream.send(
      { method: ask.method, target: ask.target, headers, body },
      {
        head: (status, message, raw) => answer.head(status, message, towardsClient(raw)),
        chunk: (bytes) => {
          if (answer.chunk(bytes)) return true;
          answer.drained(() => this.#sending?.resume());
          return false;
        },
        whole: () => answer.end(),
        failed: (failure) => this.#upstreamFailed(answer, ownership, failure),
      },
    );
    this.#sending = sending;
  }

  /** Gives up what has not been sent upstream; what has been goes on. */
  drain(): void {
    // Where the head has not gone yet, the connection ends with this answer.
    this.#response.shouldKeepAlive = false;
    if (this.#sending?.sent === false) this.#sending.abort();
  }

  #upstreamFailed(answer: LiveAnswer, ownership: Ownership | null, failure: UpstreamFailure): void {
    // A client that left what nobody owns is no failure of upstream's.
    if (ownership !== null || !answer.clientGone) this.#failure = failure;
    if (answer.begun) answer.broken();
    else if (failure.kind === 'unsent')
      this.#unsent(answer, ownership, this.#hall.draining() ? 'shutting-down' : 'unreachable');
    else if (failure.kind === 'refused') this.#unsent(answer, ownership, 'bad-request');
    else answer.own(this.#answerOf(failure.kind));
  }

  #unsent(answer: LiveAnswer, ownership: Ownership | null, kind: RefusalKind): void {
    ownership?.work.release();
    answer.own(this.#answerOf(kind));
  }

  #fail(error: unknown): void {
    if (error instanceof ClientGone) return this.#over(0);
    if (error instanceof SlowBody) return this.#refuse('slow-body');
    if (error instanceof ScopeUnavailable) return this.#refuse('scope-unavailable');
    this.#hall.fault(error);
    if (this.#response.headersSent) {
      this.#response.destroy();
      this.#over(0);
    } else this.#refuse('fault');
  }

  #refuse(kind: RefusalKind): void {
    const answer = this.#answerOf(kind);
    this.#how = 'refused';
    sendAnswer(this.#response, answer, true);
    this.#over(answer.status);
  }

  #answerOf(kind: RefusalKind): Answer {
    return this.#route.refuse(kind, this.#ask?.headerLines('origin')[0] ?? null);
  }

  #over(status: number): void {
    // An answer that came before the end of a streamed body: the rest is read and thrown away.
    if (!this.#request.complete && this.#response.writableEnded) this.#request.resume();
    const { method = '', url = '' } = this.#request;
    const passage = { method, target: url, how: this.#how, status, failure: this.#failure };
    this.#hall.passed(passage, this);
  }
}

function clientOf(request: IncomingMessage): { address: string; encrypted: boolean; httpVersion: string } {
  const { socket, httpVersion } = request;
  return {
    address: socket.remoteAddress ?? 'unknown',
    encrypted: (socket as TLSSocket).encrypted === true,
    httpVersion,
  };
}
