/**
 * The entry for Hono, on Node as well as on Bun, Deno and workers: two translations and
 * nothing else, over the one for fetch. Hono itself is not imported.
 */
import { createEntry } from './entry.ts';
import { runTaped, type KeepAlive } from './fetch-pump.ts';
import { FetchAsk } from './fetch-request.ts';
import type { EntryOptions } from './options.ts';
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

/**
 * Middleware: `app.use(idempotency({ store, scope: (context) => … }))`, after authentication and before rate limits.
 * What the handler throws is Hono's to answer, and that answer is kept like any other. Throws a TypeError for a wrong option.
 */
export function idempotency<C extends HonoContext = HonoContext>(
  options: EntryOptions<C>,
): (context: C, next: () => Promise<void>) => Promise<Response | undefined> {
  const { protocol, scope } = createEntry(options);
  return async (context, next) => {
    const { req } = context;
    const waitUntil: KeepAlive = (work) => keepAlive(context, work);
    const facts = { scope: () => scope(context), waitUntil, shared: () => readShared(req) };
    const begun = await protocol.begin(new FetchAsk(req.raw, facts));
    if (begun.kind === 'answer') return answered(context, begun.answer);
    if (begun.kind === 'pass') {
      await next();
      for (const [name, value] of begun.edit.add) context.header(name, value);
      return undefined;
    }
    const act = async (): Promise<Response> => {
      await next();
      return context.res;
    };
    const response = await runTaped(begun, act, waitUntil);
    // Emptied first, or Hono would put the old headers over the new.
    context.res = undefined;
    context.res = response;
    return undefined;
  };
}

const decoder = new TextDecoder();

/** Read once for all; most handlers want text next, which Hono would make of the bytes in a dearer way. */
async function readShared(req: HonoContext['req']): Promise<ArrayBuffer> {
  const bytes = await req.arrayBuffer();
  req.bodyCache.text ??= Promise.resolve(decoder.decode(bytes));
  return bytes;
}

/** Made by Hono, so that the headers of outer middleware stay. */
function answered(context: HonoContext, { status, headers, body }: Answer): Response {
  const lines = new Headers();
  for (const [name, value] of headers) lines.append(name, value);
  return context.newResponse(body.length === 0 ? null : body.slice(), { status: status as never, headers: lines });
}

function keepAlive(context: HonoContext, work: Promise<unknown>): void {
  try {
    context.executionCtx.waitUntil(work);
  } catch {
    // No such context here: this runtime lives as long as it has work.
  }
}
