/**
 * One request of any framework that stands on Node's own request and response: asks the
 * protocol and does as it is told. Shared by `node`, `express` and `koa`.
 */
import type { ServerResponse } from 'node:http';
import { chain, type MaybePromise } from '../core/maybe.ts';
import { withWork } from '../core/work.ts';
import type { Entry } from './entry.ts';
import type { Capture } from './node-capture.ts';
import { capture } from './node-methods.ts';
import { NodeAsk, type NodeAsker } from './node-request.ts';
import { sendAnswer } from './node-send.ts';
import { settleShapes } from './node-shape.ts';
import type { Begun } from './seam.ts';

/** A request and the response that waits for its answer. */
export interface NodeVisit<R> extends NodeAsker<R> {
  readonly response: ServerResponse;
}

/** Lets `run` handle the request if it has to, with the capture of its answer where that is taped. */
export function enterNode<R, T>(
  entry: Entry<R>,
  visit: NodeVisit<R>,
  run: (captured?: Capture) => T,
): MaybePromise<T | undefined> {
  settleShapes(visit.request, visit.response);
  const begun = entry.protocol.begin(new NodeAsk(visit, entry.scope));
  return chain(begun, (told) => proceed(entry, visit.response, told, run));
}

function proceed<T>(
  { clock, leaseMs }: Pick<Entry<never>, 'clock' | 'leaseMs'>,
  response: ServerResponse,
  begun: Begun,
  run: (captured?: Capture) => T,
): T | undefined {
  switch (begun.kind) {
    case 'pass':
      for (const [name, value] of begun.edit.add) response.setHeader(name, value);
      return run();
    case 'answer':
      sendAnswer(response, begun.answer, begun.close);
      return undefined;
    case 'run': {
      const captured = capture(response, { tape: begun.tape, edit: begun.edit, clock, idleMs: leaseMs });
      return withWork(begun.ownership, () => run(captured));
    }
  }
}
