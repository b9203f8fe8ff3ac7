/**
 * What an error of the server or the client means here: wait and try again, the store must
 * not be used as it is set up, or this one record cannot be trusted. An error after which
 * nobody knows whether a claim was made stays what it is, so that the engine asks again
 * with the same token. Nothing is ever read as "no such record" (I11).
 */
import { IdempotencyError } from '../../core/errors.ts';
import type { RecordId } from '../../core/store.ts';
import { unreadable } from '../stored-form/checked-outcome.ts';

/** Which phase a call belongs to, for `store_unavailable`. */
export type Phase = 'start' | 'claim' | 'work' | 'complete' | 'other';

// The word that a server's error begins with, and what to do about it.
const passing: Readonly<Record<string, string>> = {
  OOM: 'the server is out of memory; raise maxmemory or remove other keys',
  READONLY: 'the client is connected to a replica; a failover is under way, or the address is wrong',
  LOADING: 'the server is loading its data; try again when it has',
  MASTERDOWN: 'the server is a replica without its primary; try again after the failover',
  NOREPLICAS: 'too few replicas are connected for the server to write (min-replicas-to-write)',
  MISCONF: 'the server cannot save to disk and refuses to write; look into its log',
  BUSY: 'another script keeps the server busy; end it with SCRIPT KILL',
  CLUSTERDOWN: 'the cluster does not serve this key now; try again after the failover',
  TRYAGAIN: 'the slot of this key is being moved; try again',
  MOVED: 'this key is served by another node; connect a cluster client',
  ASK: 'the slot of this key is being moved; connect a cluster client',
};

const wrongSetup: Readonly<Record<string, string>> = {
  NOAUTH: 'the server wants a password; give it to the client',
  WRONGPASS: 'user or password are wrong; correct them in the client',
  NOPERM: 'the user may not do this; allow evalsha, eval and what the store reference lists',
  CROSSSLOT: 'the server is a cluster; connect a cluster client',
  ERR: 'the server refuses the command; Redis 7 or Valkey is needed',
};

/** The word of an error that the server answered; undefined for errors of the connection. */
export function serverWord(error: unknown): string | undefined {
  const text = error instanceof Error ? error.message : String(error);
  const [, word] = /^-?([A-Z]{3,})(?: |$)/.exec(text) ?? [];
  return word;
}

/** What is thrown for an error of the whole batch. */
export function callError(error: unknown, phase: Phase): unknown {
  if (IdempotencyError.is(error) || error instanceof TypeError || error instanceof RangeError) return error;
  const word = serverWord(error);
  if (word !== undefined) return serverError(word, error, phase);
  // Only the reply may be lost: the same token asks again and is told what happened.
  if (phase === 'claim') return error;
  const text = error instanceof Error ? error.message : String(error);
  return unavailable(`redis: ${text}; check that the server is up and reachable`, phase, error);
}

/** What is thrown for the error of one call of a batch, as the script answered it. */
export function entryError(text: string, id: RecordId, phase: Phase): Error {
  const word = serverWord(text);
  if (word === 'WRONGTYPE') return unreadable(`something else is stored under its key (record ${id})`);
  if (word !== undefined) return serverError(word, new Error(text), phase);
  // The script could not take the record to pieces; where in the script is nobody's concern.
  return unreadable(`${text.replace(/^.*user_script:\d+: /, '')} (record ${id})`);
}

/** The server cannot serve now. */
export function unavailable(message: string, phase: Phase, cause?: unknown): IdempotencyError<'store_unavailable'> {
  return new IdempotencyError('store_unavailable', message, { phase }, { cause });
}

/** The server must not be used as it is set up. */
export function unusable(reason: string, cause?: unknown): IdempotencyError<'store_unusable'> {
  return new IdempotencyError('store_unusable', reason, { reason }, { cause });
}

function serverError(word: string, cause: unknown, phase: Phase): Error {
  const text = cause instanceof Error ? cause.message : String(cause);
  const setup = wrongSetup[word];
  if (setup !== undefined) return unusable(`redis: ${setup} (${text})`, cause);
  return unavailable(`redis: ${passing[word] ?? 'try again'} (${text})`, phase, cause);
}
