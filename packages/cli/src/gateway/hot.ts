/**
 * Puts the Redis that `--hot` names in front of the store. It costs time only to lose it
 * (I12): one that cannot be reached, at the start or later, is a warning in the log, and the
 * gateway serves without it until it is back. A name that is no Redis is a refusal to start.
 */
import type { Store } from 'oncekey';
import type { Logger } from 'pino';
import { Refusal, reasonOf } from '../refusal.ts';
import { shownUrl } from './store.ts';

/** The tiered store of both. Throws a `Refusal` for a URL that cannot be one of a hot store. */
export async function withHot(url: string, durable: Store, log: Logger): Promise<Store> {
  if (!/^(redis|rediss|redis\+cluster):/i.test(url)) {
    throw new Refusal(
      `--hot: ${JSON.stringify(shownUrl(url))} will not do; use redis://…, rediss://… or redis+cluster://…`,
    );
  }
  const [{ tiered }, { openHotRedis }] = await Promise.all([import('oncekey/tiered'), import('../stores/redis.ts')]);
  try {
    const { store: hot, problem } = await openHotRedis(url);
    if (problem !== undefined) tellDown(log, problem);
    const onHotChange = (
      change: { readonly kind: 'up' } | { readonly kind: 'down'; readonly error: unknown },
    ): void => {
      if (change.kind === 'down') tellDown(log, change.error);
      else log.info({ event: 'hot-up' }, 'the hot store serves again');
    };
    return tiered(hot, durable, { onHotChange });
  } catch (error) {
    throw new Refusal(`--hot: ${shownUrl(url)} will not do: ${reasonOf(error)}`);
  }
}

function tellDown(log: Logger, error: unknown): void {
  log.warn({ event: 'hot-down', err: error }, 'the hot store does not serve: the durable one answers everything');
}
