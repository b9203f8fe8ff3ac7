/**
 * The library's front: operations that take effect once, the in-process store, the
 * error and the types that others build on. Frameworks and stores have their own subpaths.
 */
export { createOnce } from './operations/once.ts';
export type {
  ClaimCall,
  Claimed,
  CompleteCall,
  ListCall,
  Once,
  OperationCall,
  OperationName,
  OutcomeWords,
  ResolveCall,
  RunResult,
} from './operations/once.ts';
export { createCompleter } from './operations/completer.ts';
export type { Completer, CompleterEvent, CompleterOptions, Finish } from './operations/completer.ts';
export type { CallPolicy, OnceOptions } from './operations/options.ts';
export type { OperationRecord, OutcomeFacts } from './operations/record.ts';
export type { Scope } from './operations/names.ts';
export { memory } from './stores/memory.ts';
export type { MemoryOptions } from './stores/memory.ts';
export { IdempotencyError } from './core/errors.ts';
export type { ErrorCode, ErrorDetails } from './core/errors.ts';
export { currentWork } from './core/work.ts';
export type { Work } from './core/work.ts';
export type { Clock } from './core/clock.ts';
export type { OnceEvent } from './core/events.ts';
export type { MaybePromise } from './core/maybe.ts';
export type {
  AnswerOutcome,
  FailureOutcome,
  HeaderLine,
  NotKeptOutcome,
  NotKeptReason,
  Outcome,
  Reference,
  ValueOutcome,
} from './core/outcome.ts';
export { joinOutcome, splitOutcome } from './stores/stored-form/outcome.ts';
export type { OutcomeParts } from './stores/stored-form/outcome.ts';
export type * from './core/store.ts';
