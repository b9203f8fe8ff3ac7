/** `oncekey/outbox`: writes that survive reload and crash and take effect once; see `outbox.ts`. */
export type { BackoffRules } from '../backoff.ts';
export type { ClientClock } from '../clock.ts';
export { ClientError, type ClientErrorCode, type ClientErrorDetails } from '../errors.ts';
export { backgroundSync, drainOnSync, type SyncEventTarget, type SyncRegistration } from './background-sync.ts';
export type { Effect, Entry, EntryData, Failure, FailureReason, IdSource, Json, OutboxResult } from './entry.ts';
export type { LaterReason, OutboxEvent } from './events.ts';
export type { Answer } from './judge.ts';
export type { Anyway } from './letters.ts';
export { createOutbox, type Outbox, type Settled } from './outbox.ts';
export type { NewEntry, PlainRequest } from './request.ts';
export type { Credentials, OutboxOptions } from './settings.ts';
export type { Snapshot } from './snapshot.ts';
export type {
  Amount,
  Commit,
  CommitAnswer,
  NoteWrite,
  OutboxStorage,
  Row,
  RowState,
  RowWrite,
  Usage,
} from './storage.ts';
export { encryptedStorage, type SealingKey } from './storages/encrypted.ts';
export { memoryStorage } from './storages/memory.ts';
export { ref, type ServerId } from './template.ts';
export type { EntryView } from './view.ts';
