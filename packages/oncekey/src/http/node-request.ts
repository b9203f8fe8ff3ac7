/**
 * A Node request in the protocol's terms.
 */
import type { IncomingMessage } from 'node:http';
import type { MaybePromise } from '../core/maybe.ts';
import { knownBody, linesOf, readBody, type Parsed } from './node-body.ts';
import type { Ask, AskBody, AskHead, ScopeAnswer } from './seam.ts';

/** One request of a framework that stands on Node's own. */
export interface NodeAsker<R> {
  /** The framework's request, for the scope. */
  readonly own: R;
  readonly request: IncomingMessage;
  /** The request target before any router cut it. */
  readonly target: string;
  /** Of body parsers in front of us; often the framework's request itself. */
  readonly parsed: Parsed;
}

/** One Node request as an {@link AskHead}. */
export class NodeHead<R> implements AskHead {
  readonly method: string;
  readonly target: string;
  protected readonly asker: NodeAsker<R>;
  readonly #scope: (own: R) => MaybePromise<ScopeAnswer>;

  constructor(asker: NodeAsker<R>, scope: (own: R) => MaybePromise<ScopeAnswer>) {
    this.method = asker.request.method ?? '';
    this.target = asker.target;
    this.asker = asker;
    this.#scope = scope;
  }

  headerLines(name: string): readonly string[] {
    return linesOf(this.asker.request.rawHeaders, name);
  }

  scope(): MaybePromise<ScopeAnswer> {
    return this.#scope(this.asker.own);
  }
}

/** With its body, for who has to wait anyway. */
export class NodeAsk<R> extends NodeHead<R> implements Ask {
  body(limitBytes: number): MaybePromise<AskBody> {
    const { request, parsed } = this.asker;
    const known = knownBody(request, parsed, limitBytes);
    if (known !== undefined) return known;
    return new Promise((resolve, gone) => {
      const read = (body: AskBody): boolean => {
        resolve(body);
        return true;
      };
      readBody(request, limitBytes, { read, gone });
    });
  }
}
