/**
 * Writes a whole answer to a Node response, exactly: status, every header line, the
 * stored bytes. Headers that outer middleware has set stay unless the answer has its own.
 */
import { ServerResponse } from 'node:http';
import { namesRepeat } from './grouped.ts';
import type { Answer } from './seam.ts';

type Method = (this: ServerResponse, ...args: unknown[]) => unknown;
type Methods = { readonly writeHead: Method; readonly end: Method };

const plain = ServerResponse.prototype as unknown as Methods;

/** Sends `answer`; with `close` the connection ends after it, because the request's body lies unread in it. */
export function sendAnswer(response: ServerResponse, answer: Answer, close: boolean): void {
  if (close) response.shouldKeepAlive = false;
  const { status, headers, body } = answer;
  const { writeHead, end } = response as unknown as Methods;
  // Node's own writeHead keeps one of several lines of a name where something was set before.
  if (writeHead === plain.writeHead && end === plain.end && !namesRepeat(headers)) {
    response.writeHead(status, flat(headers));
    // As one text with the head, a small body takes one piece less on its way.
    if (body.length <= smallBytes) response.end(asBuffer(body).toString('latin1'), 'latin1');
    else response.end(body);
    return;
  }
  // Middleware that watches the head must see it being set, line by line.
  response.statusCode = status;
  setLines(response, headers);
  if (body.length === 0) response.end();
  else response.end(body);
}

const smallBytes = 4096;

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function flat(headers: Answer['headers']): string[] {
  const list: string[] = [];
  for (const [name, value] of headers) list.push(name, value);
  return list;
}

function setLines(response: ServerResponse, headers: Answer['headers']): void {
  const seen = new Set<string>();
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (seen.has(lower)) response.appendHeader(name, value);
    else response.setHeader(name, value);
    seen.add(lower);
  }
}
