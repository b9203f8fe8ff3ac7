/**
 * The outbox: writes that survive reload and crash, and take effect once (I16: sent at least
 * once, with one stable key; one effect at the receiver). This file is its front: what can
 * be asked of it. Sending is in `drain.ts` and `step.ts`.
 */
import { pause } from '../clock.ts';
import { addEntry } from './add.ts';
import { missing, type Box } from './box.ts';
import { createDrainer } from './drain.ts';
import type { Failure, OutboxResult } from './entry.ts';
import { cancelEntry, discardEntry, editEntry, retryEntry, settleEntry, type Anyway } from './letters.ts';
import type { NewEntry, PlainRequest } from './request.ts';
import { outboxSettings, type OutboxOptions } from './settings.ts';
import { createSnapshots, type Snapshot } from './snapshot.ts';
import type { RowState, Usage } from './storage.ts';
import type { ServerId } from './template.ts';
import { viewOf, type EntryView } from './view.ts';

/** What became of an entry. A dead one may still be retried: ask again after that. */
export type Settled =
  | { readonly kind: 'done'; readonly result: OutboxResult }
  | { readonly kind: 'dead'; readonly failure: Failure };

/** Writes that survive. Every method may throw `storage_full` or `storage_unusable`; then nothing was changed. */
export interface Outbox {
  /** Keeps a request and answers when it is kept; it is sent when it can be. Throws `entry_invalid` or `outbox_full`. */
  add(entry: NewEntry): Promise<EntryView>;
  /** What becomes of the entry, also after a reload; waits for it. Throws `entry_unknown`, or `entry_gone` when it is removed meanwhile. */
  result(id: string, signal?: AbortSignal): Promise<Settled>;
  /** What the server calls it; null as long as it is not done. */
  serverId(id: string): Promise<ServerId | null>;
  read(id: string): Promise<EntryView | undefined>;
  /** Entries in this state in the order of adding, after `afterSeq` (default all), at most `limit` (default 100). */
  list(state: RowState, page?: { readonly afterSeq?: number; readonly limit?: number }): Promise<EntryView[]>;
  usage(): Promise<Usage>;
  /** Sends a dead entry again; see `letters.ts` for which key. */
  retry(id: string, anyway?: Anyway): Promise<void>;
  /** Changes a dead, or not yet sent, entry and sends it with a new key. */
  edit(id: string, change: (request: PlainRequest) => PlainRequest, anyway?: Anyway): Promise<void>;
  /** Takes a dead entry as done, with the server's id where it has one. */
  settle(id: string, serverId?: ServerId | null): Promise<void>;
  /** Removes a dead or parked entry. */
  discard(id: string): Promise<void>;
  /** Removes an entry that was never sent. */
  cancel(id: string): Promise<void>;
  /** Sends what can be sent now. Never rejects for what the network does. */
  drain(): Promise<void>;
  /** Waits until nothing is open any more: all done, dead or parked. Keeps a Node process alive. */
  drained(signal?: AbortSignal): Promise<Usage>;
  /** Calls `listener` after each change of `snapshot()`; the returned function ends it. */
  readonly subscribe: (listener: () => void) => () => void;
  /** The state of things, the same object until it changes; kept up to date while somebody subscribes. */
  readonly snapshot: () => Snapshot;
  /** Ends timers and drains and closes the storage. */
  close(): Promise<void>;
}

/** Makes an outbox on a storage; several may share one (tabs, a service worker, processes). */
export function createOutbox(options: OutboxOptions): Outbox {
  const settings = outboxSettings(options);
  const { storage, clock } = settings;
  const box: Box = {
    settings,
    sending: new Set(),
    resumeAfter: null,
    retentionMs: settings.retentionMs,
    tell(event) {
      snapshots.changed();
      try {
        if (event !== undefined) settings.onEvent(event);
      } catch (error) {
        settings.reportError(error);
      }
    },
  };
  const drainer = createDrainer(box);
  const snapshots = createSnapshots(box, drainer);
  const unwatch = storage.watch?.(() => snapshots.changed());
  const unhook = whenOnline(() => {
    snapshots.changed();
    drainer.wake();
  });
  drainer.wake();

  const look = async (id: string): Promise<EntryView | undefined> => {
    const row = await storage.read(id);
    return row && viewOf(box, row);
  };
  const thenDrain = async <T>(work: Promise<T>): Promise<T> => {
    const done = await work;
    drainer.wake();
    return done;
  };

  return {
    add: async (entry) => viewOf(box, await thenDrain(addEntry(box, entry))),
    async result(id, signal) {
      let known = false;
      for (;;) {
        const changed = snapshots.next(signal);
        const view = await look(id);
        if (view === undefined) throw missing(id, known ? 'entry_gone' : 'entry_unknown');
        if (view.state === 'done' && view.result !== null) return { kind: 'done', result: view.result };
        if (view.state === 'dead' && view.failure !== null) return { kind: 'dead', failure: view.failure };
        known = true;
        await changed;
      }
    },
    serverId: async (id) => (await look(id))?.result?.serverId ?? null,
    read: look,
    async list(state, { afterSeq = 0, limit = 100 } = {}) {
      return (await storage.list(state, afterSeq, limit)).map((row) => viewOf(box, row));
    },
    usage: () => storage.usage(),
    retry: (id, anyway) => thenDrain(retryEntry(box, id, anyway)),
    edit: (id, change, anyway) => thenDrain(editEntry(box, id, change, anyway)),
    settle: (id, serverId) => thenDrain(settleEntry(box, id, serverId)),
    discard: (id) => thenDrain(discardEntry(box, id)),
    cancel: (id) => thenDrain(cancelEntry(box, id)),
    drain: drainer.drain,
    async drained(signal) {
      for (;;) {
        await drainer.drain();
        const usage = await storage.usage();
        if (usage.open.entries === 0) return usage;
        await pause(clock, Math.min(settings.minDelayMs, 250), signal);
      }
    },
    subscribe: snapshots.subscribe,
    snapshot: snapshots.current,
    async close() {
      unhook();
      unwatch?.();
      snapshots.close();
      await drainer.stop();
      await storage.close();
    },
  };
}

/** Listens to the browser's word that the network is back, or gone. */
function whenOnline(heard: () => void): () => void {
  const around = globalThis as Partial<Pick<EventTarget, 'addEventListener' | 'removeEventListener'>>;
  const names = ['online', 'offline'];
  for (const name of names) around.addEventListener?.(name, heard);
  return () => {
    for (const name of names) around.removeEventListener?.(name, heard);
  };
}
