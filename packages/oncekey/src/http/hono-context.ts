/**
 * What is used of a Hono context, and the three things that are done with one: its body
 * offered as text, an answer made by it, and a worker kept alive.
 */
import { contentOf, textIn } from './fetch-answer.ts';
import { hasNoHeaders } from './fetch-whole.ts';
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
  /** What the runtime gives: on Hono's server for Node the request and the response below. */
  readonly env?: unknown;
  /** Throws where the runtime has none. */
  readonly executionCtx: { waitUntil(work: Promise<unknown>): void };
  header(name: string, value: string): void;
  newResponse(
    body: string | Uint8Array<ArrayBuffer> | null,
    status: never,
    headers?: Record<string, string | string[]>,
  ): Response;
}

/** Text that is longer is made when somebody asks for it. */
const offeredBytes = 65_536;

/** Most handlers want text or JSON next, which Hono would make of the bytes in a dearer way; of it Hono makes all other forms. */
export function offerText(req: HonoContext['req'], bytes: Uint8Array | undefined): void {
  const isFit = bytes !== undefined && bytes.length > 0 && bytes.length <= offeredBytes;
  const text = isFit ? textIn(bytes) : undefined;
  // A byte order mark is no part of a text, but of the bytes.
  if (text !== undefined && !text.startsWith('\uFEFF')) req.bodyCache.text ??= Promise.resolve(text);
}

/** Made by Hono, so that the headers of outer middleware stay; where there are none, of what is sent the short way. */
export function answered(context: HonoContext, answer: Answer): Response {
  const { status, headers } = answer;
  const { body, isPlain } = contentOf(answer);
  if (isPlain && hasNoHeaders(context.newResponse(body, status as never)))
    return new Response(body, { status, headers: Object.fromEntries(headers) });
  return context.newResponse(body, status as never, grouped(headers));
}

/** Keeps a worker alive for `work`, where the runtime is one. */
export function keepAlive(context: HonoContext, work: Promise<unknown>): void {
  // Node is none, and to be told so by an error with its stack would cost more than the answer.
  if ((context.env as { incoming?: { httpVersion?: string } } | undefined)?.incoming?.httpVersion !== undefined) return;
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // No such context here: this runtime lives as long as it has work.
  }
}
