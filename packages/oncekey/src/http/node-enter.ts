/**
 * One request of any framework that stands on Node's own request and response: asks the
 * protocol and does as it is told, without a promise where the store makes none. Shared by
 * `node`, `express`, `koa` and `nest`.
 */
import { AsyncResource } from 'node:async_hooks';
import type { ServerResponse } from 'node:http';
import { isPromise } from '../core/maybe.ts';
import { withWork } from '../core/work.ts';
import type { Entry } from './entry.ts';
import { knownBody, readBody, type BodyTaker } from './node-body.ts';
import type { Capture } from './node-capture.ts';
import { capture } from './node-methods.ts';
import { NodeHead, type NodeAsker } from './node-request.ts';
import { sendAnswer } from './node-send.ts';
import { settleShapes } from './node-shape.ts';
import type { AskBody, Begun, Keyed } from './seam.ts';

/** A request, the response that waits for its answer, and who handles it. One of the three is called, once. */
export interface NodeVisit<R> extends NodeAsker<R> {
  readonly response: ServerResponse;
  /** Handles the request, with the capture of its answer where that is taped. */
  run(captured: Capture | undefined): void;
  /** The request is answered already. */
  answered(): void;
  /** It came to neither. */
  failed(error: unknown): void;
}

/** Takes one request in. */
export function enterNode<R>(entry: Entry<R>, visit: NodeVisit<R>): void {
  settleShapes(visit.request, visit.response);
  new Turn(entry, visit).ask();
}

/** What is done for one request. */
class Turn<R> extends NodeHead<R> implements BodyTaker {
  declare protected readonly asker: NodeVisit<R>;
  readonly #entry: Entry<R>;
  #keyed!: Keyed;
  /** The asynchronous context that the request came in: its handler runs in it, whoever brings the body's last byte. */
  #context!: AsyncResource;
  /** While the body is being told. */
  #giveBack: (() => void) | undefined;

  constructor(entry: Entry<R>, visit: NodeVisit<R>) {
    super(visit, entry.scope);
    this.#entry = entry;
  }

  read(body: AskBody, giveBack?: () => void): boolean {
    this.#giveBack = giveBack;
    const wanted = this.#context.runInAsyncScope(this.ask, this, body);
    this.#giveBack = undefined;
    return wanted;
  }

  gone(error: Error): void {
    this.#context.runInAsyncScope(this.asker.failed, this.asker, error);
  }

  /** Asks the protocol, with the body once that is known, and does as it is told; answers whether somebody may still read the body. */
  ask(body?: AskBody): boolean {
    try {
      const told = body === undefined ? this.#entry.protocol.open(this) : this.#keyed.read(body);
      if (!isPromise(told)) return this.#proceed(told as Begun | Keyed);
      told.then((late) => this.#proceed(late as Begun | Keyed)).catch((error: unknown) => this.asker.failed(error));
    } catch (error) {
      this.asker.failed(error);
    }
    return true;
  }

  #proceed(begun: Begun | Keyed): boolean {
    const visit = this.asker;
    switch (begun.kind) {
      case 'keyed':
        this.#keyed = begun;
        return this.#readBody(begun.limitBytes);
      case 'pass':
        for (const [name, value] of begun.edit.add) visit.response.setHeader(name, value);
        return this.#run(undefined);
      case 'answer':
        sendAnswer(visit.response, begun.answer, begun.close);
        visit.answered();
        return false;
      case 'run': {
        const { clock, leaseMs: idleMs } = this.#entry;
        const captured = capture(visit.response, { tape: begun.tape, edit: begun.edit, clock, idleMs });
        return withWork(begun.ownership, () => this.#run(captured));
      }
    }
  }

  #run(captured: Capture | undefined): boolean {
    this.asker.run(captured);
    this.#giveBack?.();
    return true;
  }

  #readBody(limitBytes: number): boolean {
    const { request, parsed } = this.asker;
    const known = knownBody(request, parsed, limitBytes);
    if (known !== undefined) return this.ask(known);
    this.#context = new AsyncResource('oncekey');
    readBody(request, limitBytes, this);
    return true;
  }
}
