/**
 * What is used of a Hono context, and the three things that are done with one: its body
 * offered as text, an answer made by it, and a worker kept alive.
 */
import { grouped } from './grouped.ts';
import type { Answer } from './seam.ts';

/** What is used of a Hono context. */
export interface HonoContext {
  readonly req: {
    readonly raw: Request;
    /** What Hono gives to all who ask it for the body. */
    readonly bodyCache: { text?: unknown };
    arrayBuffer(): Promise<ArrayBuffer>;
    header(name: string): string | undefined;
  };
  get res(): Response;
  set res(response: Response | undefined);
  /** Throws where the runtime has none. */
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void };
  header(name: string, value: string): void;
  newResponse(
    body: string | Uint8Array<ArrayBuffer> | null,
    status: never,
    headers: Record<string, string | string[]>,
  ): Response;
}

/** Larger bodies are not made into text first: it would cost more than it saves. */
const smallBytes = 4096;
const decoder = new TextDecoder();
const exact = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Most handlers want text or JSON next, which Hono would make of the bytes in a dearer way. */
export function offerText(req: HonoContext['req'], bytes: Uint8Array): void {
  req.bodyCache.text ??= Promise.resolve(decoder.decode(bytes));
}

/** Made by Hono, so that the headers of outer middleware stay. */
export function answered(context: HonoContext, { status, headers, body }: Answer): Response {
  const named = grouped(headers);
  return context.newResponse(bodyOf(body, 'content-type' in named), status as never, named);
}

/** Text where the bytes are one: together with its head it is a single piece on its way. Text of no type would be given one. */
function bodyOf(bytes: Uint8Array, isTyped: boolean): string | Uint8Array<ArrayBuffer> | null {
  if (bytes.length === 0) return null;
  if (bytes.length > smallBytes || !isTyped) return bytes.slice();
  try {
    return exact.decode(bytes);
  } catch {
    // Not UTF-8, which is no fault.
    return bytes.slice();
  }
}

/** Keeps a worker alive for `work`, where the runtime is one. */
export function keepAlive(context: HonoContext, work: Promise<unknown>): void {
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // No such context here: this runtime lives as long as it has work.
  }
}
