/**
 * The outbox as a picture for pages: how much is where, and the entries that matter, brought
 * up to date soon after a change while somebody looks; and the news for who awaits a result.
 */
import { pause } from '../clock.ts';
import type { Box } from './box.ts';
import type { Drainer } from './drain.ts';
import type { RowState, Usage } from './storage.ts';
import { viewOf, type EntryView } from './view.ts';

/** The state of things at one moment. */
export interface Snapshot {
  /** Null until it was read for the first time. */
  readonly usage: Usage | null;
  /** Dead, parked and open entries, at most 100 of each, and the 20 done last; in the order of adding. */
  readonly entries: readonly EntryView[];
  readonly online: boolean;
  readonly draining: boolean;
  /** Why it could not be read; null when it could. */
  readonly error: unknown;
}

/** Keeps the picture. */
export interface Snapshots {
  readonly current: () => Snapshot;
  readonly subscribe: (listener: () => void) => () => void;
  /** Something has changed. */
  changed(): void;
  /** Resolves at the next change, or after a while: storages that cannot tell are looked at again. Rejects when the signal aborts. */
  next(signal?: AbortSignal): Promise<void>;
  close(): void;
}

const refreshMs = 50;
const lookAgainMs = 1000;
const shownMax = 100;
const shownDone = 20;

/** A picture of the box. */
export function createSnapshots(box: Box, drainer: Drainer): Snapshots {
  const { settings } = box;
  const listeners = new Set<() => void>();
  const waiting = new Set<() => void>();
  let snapshot: Snapshot = { usage: null, entries: [], online: settings.online(), draining: false, error: null };
  let refreshing = false;
  let cancel: (() => void) | undefined;

  async function refresh(): Promise<void> {
    refreshing = true;
    try {
      const next = { online: settings.online(), draining: drainer.running, error: null };
      snapshot = { ...next, usage: await settings.storage.usage(), entries: await entriesOf(box) };
    } catch (error) {
      snapshot = { ...snapshot, error };
    }
    refreshing = false;
    for (const listener of listeners) listener();
  }

  function refreshSoon(): void {
    if (listeners.size === 0) return;
    cancel ??= settings.clock.after(
      refreshMs,
      () => {
        cancel = undefined;
        if (refreshing) refreshSoon();
        else refresh().catch(settings.reportError);
      },
      true,
    );
  }

  return {
    current: () => snapshot,
    subscribe(listener) {
      listeners.add(listener);
      refreshSoon();
      return () => {
        listeners.delete(listener);
      };
    },
    changed() {
      for (const wake of waiting) wake();
      refreshSoon();
    },
    next(signal) {
      let wake = (): void => undefined;
      const news = new Promise<void>((resolve) => {
        waiting.add((wake = resolve));
      });
      return Promise.race([news, pause(settings.clock, lookAgainMs, signal)]).finally(() => waiting.delete(wake));
    },
    close() {
      cancel?.();
      listeners.clear();
    },
  };
}

async function entriesOf(box: Box): Promise<EntryView[]> {
  const { storage } = box.settings;
  const states: readonly RowState[] = ['dead', 'parked', 'open'];
  const unfinished = await Promise.all(states.map((state) => storage.list(state, 0, shownMax)));
  const done = await storage.latest('done', shownDone);
  return [...unfinished.flat(), ...done].toSorted((a, b) => a.seq - b.seq).map((row) => viewOf(box, row));
}
