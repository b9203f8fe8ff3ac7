/**
 * Drains the outbox: lane by lane in order, several lanes at a time, as long as something
 * moves. It holds a handful of entries in memory however many there are. When nobody is there
 * it stops trying lane after lane; a lane whose own requests fail stops only itself.
 */
import { retentionNote, stepLane } from './step.ts';
import type { Box } from './box.ts';
import { decodeEntry } from './entry.ts';
import type { Row } from './storage.ts';
import { createTurn, type Held } from './turn.ts';

/** Drains, when asked or by itself. */
export interface Drainer {
  /** Sends what can be sent now; asked again meanwhile, it looks once more. Never rejects: see the event `drain-failed`. */
  readonly drain: () => Promise<void>;
  /** Drains soon, and from then on whenever something is due; not where the outbox is told to drain when asked only. */
  wake(): void;
  /** Ends what it does by itself, and what runs as soon as the request under way is settled. */
  stop(): Promise<void>;
  readonly running: boolean;
}

/** What one pass over the lanes has seen. */
interface Pass {
  moved: boolean;
  nextMs: number | null;
  /** Requests in a row that met what other lanes would meet, too: no network, a server that is away. */
  shared: number;
}

const lanesAtOnce = 100;
const sharedMax = 3;

/** A drainer for the box. */
export function createDrainer(box: Box): Drainer {
  const { settings } = box;
  const { clock, automatic, intervalMs } = settings;
  const turn = createTurn(settings);
  let running: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  let cancel = (): void => undefined;

  function sleep(delayMs: number): void {
    cancel();
    if (stopped || !automatic) return;
    const soon = (): void => {
      start().catch(settings.reportError);
    };
    cancel = clock.after(Math.max(0, Math.min(delayMs, intervalMs)), soon, true);
  }

  function start(): Promise<void> {
    again = true;
    running ??= run();
    return running;
  }

  async function run(): Promise<void> {
    let delayMs = intervalMs;
    // A turn of the event loop first, so that entries added together are seen together.
    await Promise.resolve();
    while (again && !stopped) {
      again = false;
      delayMs = await once();
    }
    // In the same breath as the last look at `again`: who asks from now on starts a new run.
    running = undefined;
    sleep(delayMs);
    box.tell();
  }

  /** Answers in how many milliseconds to look again. */
  async function once(): Promise<number> {
    if (!settings.online()) return intervalMs;
    let nextMs: number | null = null;
    try {
      const busyMs = await turn(async (held) => {
        nextMs = await passes(box, { valid: () => !stopped && held.valid() });
      });
      if (busyMs !== undefined) return busyMs;
    } catch (error) {
      box.tell({ kind: 'drain-failed', error });
      return intervalMs;
    }
    return nextMs === null ? intervalMs : Math.max(0, nextMs - clock.nowMs());
  }

  return {
    drain: start,
    wake() {
      if (!automatic) return;
      if (running === undefined) sleep(0);
      else again = true;
    },
    async stop() {
      stopped = true;
      cancel();
      await running;
    },
    get running() {
      return running !== undefined;
    },
  };
}

/** Passes until nothing moves any more; answers when something is due next. */
async function passes(box: Box, held: Held): Promise<number | null> {
  const { storage } = box.settings;
  box.retentionMs = Number((await storage.note(retentionNote)) ?? box.retentionMs);
  for (;;) {
    const seen = await passOnce(box, held);
    if (seen.moved && held.valid() && seen.shared < sharedMax) continue;
    if (held.valid()) await prune(box);
    return seen.nextMs;
  }
}

async function passOnce(box: Box, held: Held): Promise<Pass> {
  const { storage, concurrency } = box.settings;
  const seen: Pass = { moved: false, nextMs: null, shared: 0 };
  const under = new Set<Promise<void>>();
  const goesOn = (): boolean => held.valid() && seen.shared < sharedMax;
  const from = box.resumeAfter;
  for (let after = from; ;) {
    const lanes: string[] = await storage.lanes(after, lanesAtOnce);
    for (const lane of lanes) {
      if (!goesOn()) break;
      box.resumeAfter = lane;
      const work: Promise<void> = drainLane(box, lane, held, seen).finally(() => under.delete(work));
      under.add(work);
      if (under.size >= concurrency) await Promise.race(under);
    }
    after = lanes.at(-1) ?? null;
    if (lanes.length < lanesAtOnce || !goesOn()) break;
  }
  await Promise.all(under);
  if (seen.shared < sharedMax) {
    box.resumeAfter = null;
    // The lanes before the one at which it began are still to be looked at.
    seen.moved ||= from !== null;
  }
  return seen;
}

async function drainLane(box: Box, lane: string, held: Held, seen: Pass): Promise<void> {
  try {
    for (;;) {
      if (!held.valid() || seen.shared >= sharedMax) return;
      const step = await stepLane(box, lane, held);
      if (step.kind === 'moved') {
        seen.moved = true;
        seen.shared = 0;
        continue;
      }
      if (step.shared) seen.shared += 1;
      if (step.untilMs !== null) seen.nextMs = Math.min(seen.nextMs ?? step.untilMs, step.untilMs);
      return;
    }
  } catch (error) {
    // This lane rests until the next drain; the others go on.
    box.tell({ kind: 'drain-failed', error });
  }
}

/** Removes done entries that are too old or too many, the oldest first. */
async function prune(box: Box): Promise<void> {
  const { storage, clock, keepDoneMs, maxDone } = box.settings;
  for (;;) {
    const { done } = await storage.usage();
    const excess = Math.max(0, done.entries - maxDone);
    const oldest = await storage.list('done', 0, 100);
    const removed = oldest.filter((row, index) => index < excess || tooOld(row, clock.nowMs() - keepDoneMs));
    if (removed.length === 0) return;
    await storage.commit({ removed: removed.map(({ id, revision }) => ({ id, seen: revision })) });
    if (removed.length < oldest.length) return;
  }
}

function tooOld(row: Row, beforeMs: number): boolean {
  return (decodeEntry(row)?.result?.atMs ?? Number.POSITIVE_INFINITY) < beforeMs;
}
