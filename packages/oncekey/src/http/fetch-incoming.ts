/**
 * The Node request below a fetch Request. Hono's server for Node keeps it under a symbol it calls `incomingKey`: what its
 * parser pushes is taken before the stream sees it, and pushed on in one piece. The body then costs neither a clone nor a
 * copy, and the handler gets its Request unread: made of `rawBody`, where the server looks for bytes that somebody has
 * read before it, so that the stream need not be read again. Of any other Request, and of one that somebody has begun to
 * read, nothing is known here. Holds at most the limit.
 */
import type { IncomingMessage } from 'node:http';
import type { AskBody } from './seam.ts';

type Push = (chunk: Buffer | null) => boolean;
/** What is used of a Node request. */
export type Incoming = Omit<IncomingMessage, 'push' | 'socket'> & {
  push: Push;
  rawBody?: unknown;
  readonly socket: { readonly parser?: { readonly incoming?: unknown } | null };
};

/** As it was found last: all Requests of one server share it. */
let lastKey: symbol = Symbol('none yet');

/** The Node request, when Node's own parser is feeding it, none of the body has come and nobody waits for it. */
export function incomingOf(request: Request): Incoming | undefined {
  const own = request as Request & Record<symbol, unknown>;
  if (!(lastKey in own)) {
    const key = Object.getOwnPropertySymbols(own).find((symbol) => symbol.description === 'incomingKey');
    if (key === undefined) return undefined;
    lastKey = key;
  }
  const incoming = own[lastKey] as Incoming;
  const isUntouched = incoming.readableFlowing === null && incoming.readableLength === 0 && !incoming.readableDidRead;
  const isFed = !incoming.complete && incoming.rawBody === undefined && incoming.socket.parser?.incoming === incoming;
  return isUntouched && isFed ? incoming : undefined;
}

/** Its body, which stays there for others. Rejects when the client vanished half way. */
export function readBelow(incoming: Incoming, limitBytes: number): Promise<AskBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const { push } = incoming;
    incoming.push = (chunk) => {
      if (chunk !== null && chunks.push(chunk) > 0 && (bytes += chunk.length) <= limitBytes) return true;
      // Not deleted: an object that lost a property is slow from then on.
      incoming.push = push;
      const whole = bytes === chunks[0]?.length ? chunks[0] : Buffer.concat(chunks);
      if (bytes > 0) incoming.push(whole);
      if (chunk === null) incoming.rawBody = whole;
      resolve(chunk === null ? { kind: 'bytes', bytes: whole } : { kind: 'too-large' });
      return chunk !== null || incoming.push(null);
    };
    incoming.on('close', () => {
      if (!incoming.complete) reject(new Error('the client vanished half way; nothing has run'));
    });
  });
}

/** All `chunks` in one. */
export function joined(chunks: readonly Uint8Array[]): Uint8Array {
  if (chunks.length === 1 && chunks[0] !== undefined) return chunks[0];
  const whole = new Uint8Array(chunks.reduce((bytes, { length }) => bytes + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}
