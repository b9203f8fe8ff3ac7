/**
 * Answers that are whole and lie open. Hono's server for Node keeps what a Response was made of, under a symbol it calls
 * `cache`, until somebody looks into the Response; one that nobody looked into costs neither a stream nor a copy, and is
 * sent the short way. Of any other Response, and of any other shape, nothing is known here: its body is read as a stream.
 */
import type { HeaderLine } from '../core/outcome.ts';

/** What a Response was made of. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string | Uint8Array | null;
}

/** As it was found last: all Responses of one server share it, and a search costs more than all the rest here. */
let lastKey: symbol = Symbol('none yet');

/** The whole answer, when it lies open; the Response stays as it is. */
export function wholeOf(response: Response): WholeAnswer | undefined {
  const kept = keptIn(response);
  if (!Array.isArray(kept)) return undefined;
  const [status, body, given] = kept as unknown[];
  if (typeof status !== 'number' || !isWhole(body)) return undefined;
  const headers = linesIn(given ?? response.headers);
  if (headers === undefined) return undefined;
  // A body without a type gets one on its way: what it will be is not known here.
  if (body !== null && !headers.some(([name]) => name.toLowerCase() === 'content-type')) return undefined;
  return { status, headers, body };
}

/** Whether a Response that is made here lies open. */
export function areOpen(): boolean {
  if (Response !== lastMade.by) lastMade = { by: Response, isOpen: keptIn(new Response(null)) !== undefined };
  return lastMade.isOpen;
}

let lastMade: { readonly by: unknown; readonly isOpen: boolean } = { by: undefined, isOpen: false };

/** Whether an open Response was made without headers, by whoever had a say in it. */
export function hasNoHeaders(response: Response): boolean {
  const kept = keptIn(response);
  return Array.isArray(kept) && kept[2] === undefined;
}

function keptIn(response: Response): unknown {
  const own = response as Response & Record<symbol, unknown>;
  if (!(lastKey in own)) {
    const key = Object.getOwnPropertySymbols(own).find((symbol) => symbol.description === 'cache');
    if (key === undefined) return undefined;
    lastKey = key;
  }
  return own[lastKey];
}

function isWhole(body: unknown): body is WholeAnswer['body'] {
  return body === null || typeof body === 'string' || body instanceof Uint8Array;
}

/** Lines of a Headers or of a plain object of texts, which is what handlers give most. */
function linesIn(given: unknown): readonly HeaderLine[] | undefined {
  if (given instanceof Headers) return [...given];
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const lines = Object.entries(given as Record<string, unknown>);
  return lines.every((line): line is [string, string] => typeof line[1] === 'string') ? lines : undefined;
}
