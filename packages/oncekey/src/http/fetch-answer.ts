/**
 * A whole answer as a Response. Where Responses lie open it is made of a plain object and, if it can be, of text: what
 * nobody looks into is then sent without Headers, and in a single piece with its head.
 */
import { areOpen } from './fetch-whole.ts';
import { namesRepeat } from './grouped.ts';
import type { Answer } from './seam.ts';

/** Larger bodies are not made into text first: it would cost more than it saves. */
const smallBytes = 4096;
const exact = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** What a Response may be made of. */
export interface Content {
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  /** Whether its lines can be a plain object, which is shorter. */
  readonly isPlain: boolean;
}

/** The body of `answer`, apart from its bytes; text of no type would be given one. */
export function contentOf({ status, headers, body }: Answer): Content {
  if (body.length === 0 || status === 204 || status === 205 || status === 304) return content(null, headers);
  const isTyped = headers.some(([name]) => name.toLowerCase() === 'content-type');
  if (!isTyped) return { body: body.slice(), isPlain: false };
  return content((body.length <= smallBytes ? textIn(body) : undefined) ?? body.slice(), headers);
}

/** A Response of a whole answer. */
export function toResponse(answer: Answer): Response {
  const { status, headers } = answer;
  const { body, isPlain } = contentOf(answer);
  return new Response(body, { status, headers: isPlain ? Object.fromEntries(headers) : headers.map(mutable) });
}

function content(body: Content['body'], headers: Answer['headers']): Content {
  return { body, isPlain: areOpen() && !namesRepeat(headers) };
}

/** The text that `bytes` are, all of them; undefined where they are none. */
export function textIn(bytes: Uint8Array): string | undefined {
  try {
    return exact.decode(bytes);
  } catch {
    // Not UTF-8, which is no fault.
    return undefined;
  }
}

function mutable([name, value]: readonly [string, string]): [string, string] {
  return [name, value];
}
