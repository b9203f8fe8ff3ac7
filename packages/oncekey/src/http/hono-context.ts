/**
 * What is used of a Hono context, and the three things that are done with one: its body
 * read once for all, an answer made by it, and a worker kept alive.
 */
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
  newResponse(body: Uint8Array<ArrayBuffer> | null, init: { status: never; headers: Headers }): Response;
}

const decoder = new TextDecoder();

/** Read once for all; most handlers want text next, which Hono would make of the bytes in a dearer way. */
export async function readShared(req: HonoContext['req']): Promise<ArrayBuffer> {
  const bytes = await req.arrayBuffer();
  req.bodyCache.text ??= Promise.resolve(decoder.decode(bytes));
  return bytes;
}

/** Made by Hono, so that the headers of outer middleware stay. */
export function answered(context: HonoContext, { status, headers, body }: Answer): Response {
  const lines = new Headers();
  for (const [name, value] of headers) lines.append(name, value);
  return context.newResponse(body.length === 0 ? null : body.slice(), { status: status as never, headers: lines });
}

/** Keeps a worker alive for `work`, where the runtime is one. */
export function keepAlive(context: HonoContext, work: Promise<unknown>): void {
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // No such context here: this runtime lives as long as it has work.
  }
}
