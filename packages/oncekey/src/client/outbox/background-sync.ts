/**
 * Background Sync, where the browser has it: the browser wakes the service worker when the
 * network is back, also after the page has gone. Where it is missing nothing is lost, the
 * outbox drains when a page is open.
 */
import type { Outbox } from './outbox.ts';

/** The part of a service worker registration that is used. */
export interface SyncRegistration {
  readonly sync?: { register(tag: string): Promise<void> };
}

/** The part of a service worker's global that is used. */
export interface SyncEventTarget {
  addEventListener(type: 'sync', listener: (event: never) => void): void;
}

interface SyncEvent {
  readonly tag: string;
  waitUntil(work: Promise<unknown>): void;
}

const defaultTag = 'oncekey-outbox';

/**
 * In the page, after adding: asks the browser to wake the service worker when it is online. Answers false where the
 * browser cannot, or the user does not let it.
 */
export async function backgroundSync(registration: SyncRegistration, tag: string = defaultTag): Promise<boolean> {
  try {
    await registration.sync?.register(tag);
    return registration.sync !== undefined;
  } catch {
    // Denied by the user or in a private window: the open page drains, as without it.
    return false;
  }
}

/** In the service worker, at its start: drains when the browser says so; what is left makes the browser call again. */
export function drainOnSync(scope: SyncEventTarget, outbox: Outbox, tag: string = defaultTag): void {
  scope.addEventListener('sync', (event: SyncEvent) => {
    if (event.tag === tag) event.waitUntil(drainOrReject(outbox));
  });
}

async function drainOrReject(outbox: Outbox): Promise<void> {
  await outbox.drain();
  const { open } = await outbox.usage();
  if (open.entries > 0) throw new Error(`${open.entries} entries are still open`);
}
