/**
 * What an error of the client or the server means here: try the statement again, this one
 * call is at fault, or the store cannot serve. Knows error numbers of MariaDB 10.11 and
 * MySQL 8. Nothing is ever read as "no such record".
 */
import { randomInt } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { IdempotencyError } from '../../core/errors.ts';
import { pause } from '../../core/guard.ts';

/** Which phase a call belongs to, for `store_unavailable`. */
export type Phase = 'start' | 'claim' | 'work' | 'complete' | 'other';

// Deadlock, lock wait timeout, and a row that changed under a snapshot (MariaDB 11.6 and newer).
const contended: ReadonlySet<number> = new Set([1213, 1205, 1020]);
const mostTries = 8;
const longestPauseMs = 40;

// Too long, out of range, not of the character set, against a check, larger than a packet.
const ownFaults: ReadonlySet<number> = new Set([1048, 1153, 1264, 1301, 1366, 1406, 3819, 4025, 45016]);

const advice: Readonly<Record<number, string>> = {
  1044: 'the account may not use this database; grant it SELECT, INSERT, UPDATE and DELETE',
  1045: 'the server refuses the account; check user and password',
  1046: 'the pool has no database; name one in its settings',
  1049: 'there is no such database; create it or name another in the pool',
  1054: 'the table is not one of this library; use another table name or migrate',
  1142: 'the account may not use the table; grant it SELECT, INSERT, UPDATE and DELETE',
  1146: 'the table is missing; run `oncekey migrate --store URL` or migrate() once, then start again',
  1153: 'a statement is larger than the server takes; raise max_allowed_packet',
  1665: 'binlog_format=STATEMENT cannot log READ COMMITTED; set it to MIXED or ROW',
};

// Trouble that passes: memory, disk, connections, a server that stops or has become a replica.
const transient: ReadonlySet<number> = new Set([
  1021, 1037, 1038, 1040, 1041, 1053, 1077, 1114, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1226, 1290, 1317, 1792,
  1836, 1927, 1969, 2002, 2003, 2006, 2013, 3024, 3100, 4031,
]);
const firstOfClients = 45_000;

/** The error number that the server gave; undefined for anything else. */
export function numberOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { errno } = error as { errno?: unknown };
  // Negative ones are the operating system's.
  return typeof errno === 'number' && errno > 0 ? errno : undefined;
}

/** Whether the connection stands: the server refused, or what was read could not be used. */
export function isServerAnswer(error: unknown): boolean {
  return (numberOf(error) ?? firstOfClients) < firstOfClients || isOurs(error);
}

/** Whether the error belongs to what one call carries, so that its neighbours may succeed without it. */
export function isOwnFault(error: unknown): boolean {
  return ownFaults.has(numberOf(error) ?? 0) || isOurs(error);
}

/** What is thrown for an error: `store_unavailable` when it may pass, else `store_unusable`. */
export function storeError(error: unknown, phase: Phase): Error {
  if (isOurs(error)) return error as Error;
  const text = error instanceof Error ? error.message : String(error);
  const number = numberOf(error);
  const passes = number === undefined || number >= firstOfClients || transient.has(number) || contended.has(number);
  if (!passes) return unusable(advice[number] ?? `the database cannot serve: ${text}`, error);
  const message = `the database does not serve: ${text}; try again`;
  return new IdempotencyError('store_unavailable', message, { phase }, { cause: error });
}

function isOurs(error: unknown): boolean {
  return IdempotencyError.is(error) || error instanceof TypeError || error instanceof RangeError;
}

/** The store must not be used as it is. */
export function unusable(reason: string, cause?: unknown): IdempotencyError<'store_unusable'> {
  return new IdempotencyError('store_unusable', reason, { reason }, { cause });
}

/** Does `work` again, a few times and a little later each time, when the server broke it off for another's locks. */
export async function despiteContention<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      // One after the other: that is what trying again means.
      // oxlint-disable-next-line no-await-in-loop
      return await work();
    } catch (error) {
      if (tries === mostTries || !contended.has(numberOf(error) ?? 0)) throw error;
      // oxlint-disable-next-line no-await-in-loop
      await pause(systemClock, randomInt(1, Math.min(longestPauseMs, 4 * tries)));
    }
  }
}
