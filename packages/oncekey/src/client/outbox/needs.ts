/** Whether an entry may go: what it refers to has taken effect, is on its way, or never will. */
import { decodeEntry, type Entry } from './entry.ts';
import type { OutboxStorage } from './storage.ts';
import { refsOf, type ServerId } from './template.ts';

/** `ready` with the ids; `wait` for an entry that is still open; `park` behind one that has failed; `missing`: never. */
export type Needs =
  | { readonly kind: 'ready'; readonly ids: ReadonlyMap<string, ServerId> }
  | { readonly kind: 'wait' | 'park' | 'missing'; readonly on: string };

/** Looks up all that the entry needs. */
export async function lookUpNeeds(storage: OutboxStorage, entry: Entry): Promise<Needs> {
  const ids = new Map<string, ServerId>();
  const referred = new Set(refsOf(entry.request));
  for (const on of entry.needs) {
    const row = await storage.read(on);
    if (row === undefined) return { kind: 'missing', on };
    if (row.state === 'open') return { kind: 'wait', on };
    if (row.state !== 'done') return { kind: 'park', on };
    const serverId = decodeEntry(row)?.result?.serverId ?? null;
    if (serverId !== null) ids.set(on, serverId);
    else if (referred.has(on)) return { kind: 'missing', on };
  }
  return { kind: 'ready', ids };
}
