/**
 * Writes a whole answer to a Node response, exactly: status, every header line, the
 * stored bytes. Headers that outer middleware has set stay unless the answer has its own.
 */
import { ServerResponse } from 'node:http';
import type { Answer } from './seam.ts';

type Method = (this: ServerResponse, ...args: unknown[]) => unknown;
type Methods = { readonly writeHead: Method; readonly end: Method };

const plain = ServerResponse.prototype as unknown as Methods;

/** Sends `answer`; with `close` the connection ends after it, because the request's body lies unread in it. */
export function sendAnswer(response: ServerResponse, answer: Answer, close: boolean): void {
  if (close) response.shouldKeepAlive = false;
  const { status, headers } = answer;
  const body = Buffer.from(answer.body.buffer, answer.body.byteOffset, answer.body.byteLength);
  const { writeHead, end } = response as unknown as Methods;
  if (writeHead === plain.writeHead && end === plain.end) {
    response.writeHead(status, headers.flat());
  } else {
    // Middleware that watches the head must see it being set, line by line.
    response.statusCode = status;
    setLines(response, headers);
  }
  if (body.length === 0) response.end();
  else response.end(body);
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
