/**
 * The small change of a captured Node response: its replaceable methods and the pieces
 * that they are called with.
 */
import type { ServerResponse } from 'node:http';

/** Told when a piece has been handled. */
export type Callback = (error?: Error | null) => void;
/** A piece of a body. */
export type Chunk = string | Uint8Array;

/** Arguments of `write` and `end`, put in order. */
export interface Piece {
  readonly chunk: Chunk | undefined;
  readonly encoding: BufferEncoding | undefined;
  readonly callback: Callback | undefined;
}

/** The methods of a response that are replaced while it is taped. */
export interface Methods {
  readonly writeHead: Method;
  readonly write: Method;
  readonly end: Method;
  readonly flushHeaders: Method;
  readonly destroy: Method;
}

/** One of them. */
export type Method = (this: ServerResponse, ...args: unknown[]) => unknown;

/** Calls a method with a piece. */
export function call(response: ServerResponse, method: Method, { chunk, encoding, callback }: Piece): unknown {
  return method.call(response, chunk, encoding, callback);
}

/** An error as Node words it. */
export function nodeError(message: string, code: string): Error {
  return Object.assign(new Error(message), { code });
}
