/**
 * Opens the store that `--store` names. Keeps I11 at the start: a store that cannot serve
 * is a refusal to start, in one line, never a gateway without protection.
 */
import { memory, type Store } from 'oncekey';
import { Refusal, reasonOf } from '../refusal.ts';

const notYet = /^(json-file|redis|rediss|redis\+cluster|postgres|postgresql|mysql):/i;

/** Opens and checks it. Throws a `Refusal`. */
export async function openStore(url: string): Promise<Store> {
  const [scheme] = url.split(':', 1);
  if (notYet.test(url))
    throw new Refusal(`--store: ${scheme}: stores are not part of this version; use memory: or sqlite:PATH`);
  if (url === 'memory:') return memory();
  const [, path] = /^sqlite:(?:\/\/)?(.+)$/i.exec(url) ?? [];
  if (path === undefined) throw new Refusal(`--store: ${JSON.stringify(url)} will not do; use memory: or sqlite:PATH`);
  try {
    const { sqlite } = await import('oncekey/sqlite');
    const store = sqlite(path);
    await store.check?.();
    return store;
  } catch (error) {
    throw new Refusal(`--store: ${url} cannot serve: ${reasonOf(error)}`);
  }
}
