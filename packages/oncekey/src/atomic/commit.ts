/**
 * What became of a transaction whose commit was not answered: the record says, never an
 * assumption. A store that cannot be read is asked again for a while.
 */
import type { Clock } from '../core/clock.ts';
import { pause } from '../core/guard.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { StoredRecord, Token } from '../core/store.ts';

/** How long a commit whose reply was lost is looked for. */
const lookMs = 5000;

/** The record that the token completed; undefined where its transaction was rolled back, or has not ended. Rejects with what `read` last said. */
export async function committedBy(
  clock: Clock,
  token: Token,
  read: () => MaybePromise<StoredRecord | undefined>,
): Promise<StoredRecord | undefined> {
  const untilMs = clock.monotonicMs() + lookMs;
  for (;;) {
    try {
      // oxlint-disable-next-line no-await-in-loop
      const record = await read();
      return record?.token === token && record.outcome !== null ? record : undefined;
    } catch (error) {
      if (clock.monotonicMs() >= untilMs) throw error;
      // oxlint-disable-next-line no-await-in-loop
      await pause(clock, 100);
    }
  }
}
