/**
 * The entry for Hono, on Node as well as on Bun, Deno and workers: two translations and
 * nothing else, over the one for fetch. Hono itself is not imported.
 */
import { createEntry } from './entry.ts';
import { runTaped, type KeepAlive } from './fetch-pump.ts';
import { FetchAsk, proceedBy } from './fetch-request.ts';
import { answered, keepAlive, offerText, type HonoContext } from './hono-context.ts';
import type { EntryOptions } from './options.ts';

export type { HonoContext } from './hono-context.ts';

/**
 * Middleware: `app.use(idempotency({ store, scope: (context) => … }))`, after authentication and before rate limits.
 * What the handler throws is Hono's to answer, and that answer is kept like any other. Throws a TypeError for a wrong option.
 */
export function idempotency<C extends HonoContext = HonoContext>(
  options: EntryOptions<C>,
): (context: C, next: () => Promise<void>) => Promise<Response | undefined> {
  const { protocol, scope } = createEntry(options);
  return (context, next) => {
    const { req } = context;
    const waitUntil: KeepAlive = (work) => keepAlive(context, work);
    const ask = new FetchAsk(req.raw, { scope: () => scope(context), waitUntil, shared: () => req.arrayBuffer() });
    const deliver = (response: Response): undefined => {
      ask.over();
      if (response === context.res) return;
      // Emptied first, or Hono would put the old headers over the new.
      context.res = undefined;
      context.res = response;
    };
    return proceedBy(protocol, ask, (begun) => {
      if (begun.kind === 'answer') {
        ask.over();
        return answered(context, begun.answer);
      }
      offerText(req, ask.bytes);
      if (begun.kind === 'run') return runTaped(begun, next, () => context.res, deliver, waitUntil);
      return next().then(() => {
        ask.over();
        for (const [name, value] of begun.edit.add) context.header(name, value);
        return undefined;
      });
    });
  };
}
