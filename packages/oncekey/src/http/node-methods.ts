/**
 * The methods that stand in for a Node response's own while it is taped: they put their
 * arguments in order and hand them to the capture, or on to the response. Shared by all
 * responses: no closure is made on the way of a request.
 */
import type { ServerResponse } from 'node:http';
import { Capture, type CaptureAsk, type Captured } from './node-capture.ts';
import type { GivenHeaders } from './node-head.ts';
import { nodeError, type Callback, type Chunk, type Methods, type Piece } from './node-piece.ts';

/** Starts to tape `response`. */
export function capture(response: ServerResponse, ask: CaptureAsk): Capture {
  const captured = response as Captured;
  const own = new Capture(captured, ask, taped);
  captured.oncekeyCapture = own;
  // Each by its name, and no property is ever taken away again: V8 keeps such an object fast.
  const methods = response as { -readonly [M in keyof Methods]: Methods[M] };
  methods.writeHead = taped.writeHead;
  methods.write = taped.write;
  methods.end = taped.end;
  methods.flushHeaders = taped.flushHeaders;
  methods.destroy = taped.destroy;
  if (own.outer === undefined) response.on('close', closed);
  return own;
}

function tapedWriteHead(this: ServerResponse, status: unknown, ...rest: unknown[]): ServerResponse {
  const own = captureOf(this);
  if (own.passing || own.phase === 'through') {
    own.found.writeHead.call(this, status, ...rest);
    return this;
  }
  const message = typeof rest[0] === 'string' ? rest[0] : undefined;
  const headers = (message === undefined ? (rest[0] ?? rest[1]) : rest[1]) as GivenHeaders | undefined;
  own.takeHead(Number(status), message, headers);
  return this;
}

function tapedWrite(this: ServerResponse, chunk: unknown, encoding?: unknown, callback?: unknown): boolean {
  const own = captureOf(this);
  if (own.passing || own.phase === 'through' || !isChunk(chunk)) {
    return own.found.write.call(this, chunk, encoding, callback) === true;
  }
  const piece = pieceOf(chunk, encoding, callback);
  if (own.phase === 'open') return own.takeWrite(piece);
  // More than Content-Length said, or after the end: there is no room for it in the answer.
  piece.callback?.(nodeError('write after end', 'ERR_STREAM_WRITE_AFTER_END'));
  return true;
}

function tapedEnd(this: ServerResponse, chunk?: unknown, encoding?: unknown, callback?: unknown): ServerResponse {
  const own = captureOf(this);
  if (own.passing || own.phase === 'through') {
    own.found.end.call(this, chunk, encoding, callback);
    return this;
  }
  const piece = typeof chunk === 'function' ? pieceOf(undefined, undefined, chunk) : pieceOf(chunk, encoding, callback);
  if (own.phase === 'open') own.takeEnd(piece);
  else own.takeLateEnd(piece);
  return this;
}

function tapedFlushHeaders(this: ServerResponse): void {
  const own = captureOf(this);
  if (own.passing || own.phase !== 'open') own.found.flushHeaders.call(this);
  else own.takeFlush();
}

function tapedDestroy(this: ServerResponse, error?: unknown): ServerResponse {
  const own = captureOf(this);
  own.cut();
  own.found.destroy.call(this, error);
  return this;
}

function closed(this: ServerResponse): void {
  for (let own: Capture | undefined = captureOf(this); own !== undefined; own = own.outer) own.lostReader();
}

function captureOf(response: ServerResponse): Capture {
  return (response as Required<Captured>).oncekeyCapture;
}

function pieceOf(chunk: unknown, encoding: unknown, callback: unknown): Piece {
  const last = typeof encoding === 'function' ? encoding : callback;
  return {
    chunk: isChunk(chunk) ? chunk : undefined,
    encoding: typeof encoding === 'string' ? (encoding as BufferEncoding) : undefined,
    callback: typeof last === 'function' ? (last as Callback) : undefined,
  };
}

function isChunk(chunk: unknown): chunk is Chunk {
  return typeof chunk === 'string' || chunk instanceof Uint8Array;
}

const taped: Methods = {
  writeHead: tapedWriteHead,
  write: tapedWrite,
  end: tapedEnd,
  flushHeaders: tapedFlushHeaders,
  destroy: tapedDestroy,
};
