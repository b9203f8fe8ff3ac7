/**
 * What a driver's error means here: try again, this one call is at fault, or the store
 * cannot serve. Knows SQLSTATEs, which every driver hands on as `code`. Nothing is ever
 * read as "no such record" (I11).
 */
import { IdempotencyError } from '../../core/errors.ts';
import type { TableNames } from './names.ts';

/** Which phase a call belongs to, for `store_unavailable`. */
export type Phase = 'start' | 'claim' | 'work' | 'complete' | 'other';

// A serialisation failure, a deadlock, and a unique index that is being built anew (REINDEX CONCURRENTLY).
const repeatable: ReadonlySet<string> = new Set(['40001', '40P01', '23505']);

// Classes of trouble that passes: connection, transaction, resources, a server that stops or is a standby.
const passing = /^(08|25006|40|53|55P03|57|58)/;

// Classes of trouble with what was bound: data, constraints, limits.
const ofOneCall = /^(22|23|54)/;

/** Whether the same statement may succeed at once, because somebody else stood in its way. */
export function isRepeatable(error: unknown): boolean {
  return repeatable.has(stateOf(error));
}

/** Whether the error belongs to one call of a batch, so that the others are to be sent without it. */
export function isOfOneCall(error: unknown): boolean {
  return ofOneCall.test(stateOf(error));
}

/** What is thrown for a driver's error: `store_unavailable` when it may pass, else `store_unusable`. */
export function storeError(error: unknown, phase: Phase, names: TableNames): Error {
  if (IdempotencyError.is(error, 'store_unavailable'))
    return new IdempotencyError('store_unavailable', withoutCode(error), { phase }, { cause: error });
  if (IdempotencyError.is(error) || error instanceof RangeError) return error as Error;
  const state = stateOf(error);
  const text = error instanceof Error ? error.message : String(error);
  const advice = adviceOn(state, names);
  if (advice !== undefined) return unusable(`${text}: ${advice}`, error);
  // A driver's own errors (refused, closed, timed out) carry no SQLSTATE.
  if (!isSqlState(state) || passing.test(state)) {
    const message = `PostgreSQL: ${text}; check that it is up and reachable, then try again`;
    return new IdempotencyError('store_unavailable', message, { phase }, { cause: error });
  }
  return unusable(`PostgreSQL: ${text} (SQLSTATE ${state})`, error);
}

/** The store must not be used as it is. */
export function unusable(reason: string, cause?: unknown): IdempotencyError<'store_unusable'> {
  return new IdempotencyError('store_unusable', reason, { reason }, { cause });
}

function adviceOn(state: string, names: TableNames): string | undefined {
  switch (state) {
    case '42P01':
    case '3F000':
    case '42703':
    case '42883':
      return `the tables of ${names.records} are not there or of another version; run \`oncekey migrate\` or migrate()`;
    case '42501':
      return `grant the role SELECT, INSERT, UPDATE and DELETE on ${names.records} and SELECT on ${names.version}`;
    case '3D000':
      return 'create the database or name another one';
    case '28000':
    case '28P01':
      return 'check the user and the password';
    default:
      return undefined;
  }
}

function stateOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' ? code : '';
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code);
}

function withoutCode({ message }: Error): string {
  return message.replace(/^\[\w+\] /, '');
}
