/**
 * What became of a transaction whose commit was not answered: the record says, never an
 * assumption. The server may not have ended it yet, so that a record which is not there says
 * nothing before nobody holds it any more. A store that cannot be read is asked again.
 */
import type { Clock } from '../core/clock.ts';
import type { Intent } from '../core/engine.ts';
import { pause } from '../core/guard.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { Store, StoredRecord, Token } from '../core/store.ts';
import { freshToken } from '../core/token.ts';
import { bindTo, claimIn, RolledBack, underWay } from './claim.ts';
import type { AtomicDatabase } from './database.ts';

/** How long a commit whose reply was lost is looked for. */
const lookMs = 5000;

/** Where the answer is found. */
export interface Witness {
  /** Reads the record outside of any transaction. */
  read(): MaybePromise<StoredRecord | undefined>;
  /** Whether an open transaction has the record in its hands. */
  isHeld(): Promise<boolean>;
}

/** The record that the token completed; undefined when its transaction was rolled back. Rejects when that cannot be found out in time. */
export async function committedBy(
  clock: Clock,
  token: Token,
  { read, isHeld }: Witness,
): Promise<StoredRecord | undefined> {
  const untilMs = clock.monotonicMs() + lookMs;
  for (let wasHeld = true; ;) {
    let trouble: unknown = new Error('its transaction has not ended yet');
    try {
      // oxlint-disable-next-line no-await-in-loop
      const record = await read();
      if (record?.token === token && record.outcome !== null) return record;
      // Read after nobody held it: then it was rolled back.
      if (!wasHeld) return undefined;
      // oxlint-disable-next-line no-await-in-loop
      wasHeld = await isHeld();
      if (!wasHeld) continue;
    } catch (error) {
      trouble = error;
    }
    if (clock.monotonicMs() >= untilMs) throw trouble;
    // oxlint-disable-next-line no-await-in-loop
    await pause(clock, 100);
  }
}

/** Whether the record is held: claims it in a transaction of its own, and rolls that back. */
export async function isHeldIn<Tx>(db: AtomicDatabase<Tx>, store: Store, intent: Intent): Promise<boolean> {
  let isFree = false;
  try {
    await db.transaction(async (_tx, execute) => {
      await claimIn(bindTo(store, execute), intent, freshToken());
      isFree = true;
      throw new RolledBack(underWay);
    });
  } catch (error) {
    if (error instanceof RolledBack) return !isFree && error.told.kind === 'in-progress';
    if (!db.isConflict(error)) throw error;
  }
  return true;
}
