/**
 * One drain at a time on one storage, whoever shares it. The truth is a lease in the
 * storage, renewed while the drain works; a frozen tab or a stopped process loses it and
 * notices before it sends again. Where there are Web Locks, a lock that is free tells at
 * once that the holder has gone, without waiting for its lease. Losing the turn is never
 * dangerous: entries are changed by revision only, and sent with the same key.
 */
import { newKey } from '../key.ts';
import type { OutboxSettings } from './settings.ts';

/** The right to drain, while it lasts. */
export interface Held {
  /** False as soon as the lease was not renewed in time: stop, somebody else may be draining. */
  valid(): boolean;
}

/** Does the work when it is our turn; else answers for how long at most somebody else is at it. */
export type Turn = (work: (held: Held) => Promise<void>) => Promise<number | undefined>;

interface Lease {
  readonly owner: string;
  readonly untilMs: number;
}

interface LockManager {
  request(name: string, options: object, work: (lock: unknown) => ReturnType<Turn>): ReturnType<Turn>;
}

const noteName = 'lease';

/** Takes turns for one outbox. */
export function createTurn(settings: OutboxSettings): Turn {
  const owner = newKey();
  const locks = (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
  if (locks === undefined) return (work) => leased(settings, owner, work, false);
  // A holder that is frozen keeps its lock; then its lease decides, and nobody waits for it.
  return (work) =>
    locks.request(`oncekey:${settings.storage.name}`, { ifAvailable: true }, (lock) =>
      leased(settings, owner, work, lock !== null),
    );
}

async function leased(
  settings: OutboxSettings,
  owner: string,
  work: (held: Held) => Promise<void>,
  holderGone: boolean,
): ReturnType<Turn> {
  const { clock, leaseMs, storage } = settings;
  let lease = await claim(settings, owner, holderGone);
  if (typeof lease === 'number') return lease;
  let renewedMs = clock.monotonicMs();
  let ended = false;
  let cancel = (): void => undefined;
  const held: Held = { valid: () => !ended && clock.monotonicMs() - renewedMs < leaseMs };
  const renewLater = (): void => {
    cancel = clock.after(leaseMs / 3, () => {
      const startedMs = clock.monotonicMs();
      claim(settings, owner, false).then(
        (next) => {
          if (typeof next === 'number') ended = true;
          else [lease, renewedMs] = [next, startedMs];
          if (held.valid()) renewLater();
        },
        // A storage that fails is told by the drain itself; not renewed, the turn ends.
        renewLater,
      );
    });
  };
  renewLater();
  try {
    await work(held);
  } finally {
    cancel();
    if (held.valid()) await storage.commit({ notes: [{ name: noteName, value: null, seen: lease }] });
    ended = true;
  }
  return undefined;
}

/** Answers the text of the lease we hold now, or how long somebody else may hold his. */
async function claim(
  { clock, leaseMs, storage }: OutboxSettings,
  owner: string,
  holderGone: boolean,
): Promise<string | number> {
  const seen = (await storage.note(noteName)) ?? null;
  const lease = readLease(seen);
  const leftMs = lease === undefined || lease.owner === owner ? 0 : lease.untilMs - clock.nowMs();
  // A lease that ends in the far future was written before the clock was set back.
  if (!holderGone && leftMs > 0 && leftMs < Math.max(60_000, 2 * leaseMs)) return leftMs;
  const text = JSON.stringify({ owner, untilMs: clock.nowMs() + leaseMs } satisfies Lease);
  const answer = await storage.commit({ notes: [{ name: noteName, value: text, seen }] });
  return answer.kind === 'stored' ? text : leaseMs;
}

function readLease(text: string | null): Lease | undefined {
  try {
    return text === null ? undefined : (JSON.parse(text) as Lease);
  } catch {
    // Nobody holds what nobody can read.
    return undefined;
  }
}
