/**
 * One process of the fault tests: opens a store at the place it is given and charges when it is asked
 * over its message channel. It may be told to believe in another hour than its machine's.
 */
import { Charges, type ChargeAsk } from './charge.ts';
import { openPlace, type Place } from './place.ts';

/** What it is started with, as JSON in its first argument. */
export interface WorkerTask {
  readonly place: Place;
  /** How far its wall clock is off; default 0. */
  readonly clockShiftMs?: number;
}

/** What it is asked: to charge, `times` at once (default 1). */
export interface WorkerAsk extends ChargeAsk {
  readonly id: number;
  readonly times?: number;
}

const { place, clockShiftMs = 0 } = JSON.parse(process.argv[2] ?? '{}') as WorkerTask;
if (clockShiftMs !== 0) shiftWallClock(clockShiftMs);
const { store } = await openPlace(place);
const charges = new Charges(store, { working: (key) => process.send?.({ working: key }) });

async function answer({ id, times = 1, ...ask }: WorkerAsk): Promise<void> {
  const answers = await Promise.all(Array.from({ length: times }, () => charges.charge(ask)));
  process.send?.({ id, answers });
}

/** Everything in this process that asks for the hour is told another one. */
function shiftWallClock(shiftMs: number): void {
  const Real = Date;
  globalThis.Date = class extends Real {
    constructor(...given: [] | [string | number | Date]) {
      if (given.length === 0) super(Real.now() + shiftMs);
      else super(given[0]);
    }
    static override now(): number {
      return Real.now() + shiftMs;
    }
  } as DateConstructor;
}

process.on('message', (ask: WorkerAsk) => {
  answer(ask).catch((error: unknown) => {
    throw error;
  });
});
process.on('disconnect', () => process.exit());
await store.check?.();
process.send?.({ ready: true, nowMs: Date.now() });
