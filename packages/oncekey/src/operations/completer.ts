/**
 * Finishes in the background what its owner left behind: operations whose process died
 * (abandoned) or gave up after a step (open). Each finishing is a takeover like any other:
 * the next attempt, with the steps of those before (I3); an operation that the policy holds
 * for an operator stays held (I8). It decides nothing about ownership.
 */
import type { Clock } from '../core/clock.ts';
import type { Work } from '../core/work.ts';
import { Finishing } from './finishing.ts';
import { soundName } from './names.ts';
import type { Once } from './once.ts';
import type { OperationRecord } from './record.ts';
import { whole } from './whole.ts';

/** Does what is left of an operation; its result is the operation's outcome. Found by `record.key`, it knows what was asked. */
export type Finish = (record: OperationRecord, work: Work) => unknown;

/** What a completer tells. */
export type CompleterEvent =
  | { readonly kind: 'finished'; readonly record: OperationRecord; readonly attempt: number }
  /** The handler threw or released the operation, which is open again, or its outcome could not be recorded: tried anew after `retryInMs`. */
  | { readonly kind: 'failed'; readonly record: OperationRecord; readonly error: unknown; readonly retryInMs: number }
  /** The handler threw in the last attempt allowed, or what it returned cannot be kept: that is the outcome. */
  | { readonly kind: 'gave-up'; readonly record: OperationRecord; readonly error: unknown }
  /** Somebody else has it, policy holds it for an operator, or its name is none that `run` takes as it is. */
  | { readonly kind: 'refused'; readonly record: OperationRecord; readonly error: unknown; readonly retryInMs: number }
  /** The store did not answer. */
  | { readonly kind: 'look-failed'; readonly error: unknown; readonly retryInMs: number };

/** Options of `createCompleter`. */
export interface CompleterOptions {
  readonly once: Once;
  /** What finishes an operation, by the operation's name. Operations that are not named here are left alone. */
  readonly handlers: Readonly<Record<string, Finish>>;
  /** Most operations finished at one time; default 4. */
  readonly concurrency?: number;
  /** Pause between two looks at the store; default 10000 ms, doubled up to 60000 ms while the store does not answer. */
  readonly pauseMs?: number;
  /** Pause before a failed operation is tried again; default 1000 ms, doubled with each failure up to 300000 ms. */
  readonly backoffMs?: number;
  /** The attempt (of all owners together) whose failure is stored as the outcome; default 10. */
  readonly maxAttempts?: number;
  /** Without it, a store that does not answer becomes a process warning. */
  readonly onEvent?: (event: CompleterEvent) => void;
  readonly clock?: Clock;
}

/** A completer at work. */
export interface Completer {
  /** Looks now, for a cron job or a test; settles when everything found has been tried once. Never rejects. */
  look(): Promise<void>;
  /** Starts nothing more and waits for what runs. */
  stop(): Promise<void>;
}

/**
 * Starts to finish abandoned operations; it does not keep the process alive. The store must have `list`.
 * Throws TypeError for a wrong option, naming it.
 */
export function createCompleter(options: CompleterOptions): Completer {
  return new Finishing(options, soundSettings(options));
}

/** The choices of a completer, made. */
export interface CompleterSettings {
  readonly handlers: ReadonlyMap<string, Finish>;
  readonly concurrency: number;
  readonly pauseMs: number;
  readonly backoffMs: number;
  readonly maxAttempts: number;
}

function soundSettings(options: CompleterOptions): CompleterSettings {
  if (typeof options?.once?.run !== 'function') throw new TypeError('once is missing; pass what createOnce gave');
  return {
    handlers: handlersOf(options.handlers),
    concurrency: whole('concurrency', options.concurrency ?? 4),
    pauseMs: whole('pauseMs', options.pauseMs ?? 10_000),
    backoffMs: whole('backoffMs', options.backoffMs ?? 1000),
    maxAttempts: whole('maxAttempts', options.maxAttempts ?? 10),
  };
}

function handlersOf(handlers: Readonly<Record<string, Finish>>): ReadonlyMap<string, Finish> {
  const entries = Object.entries(handlers ?? {});
  if (entries.length === 0) throw new TypeError('handlers is empty; give a function for each operation to finish');
  for (const [name, handler] of entries) {
    if (typeof handler !== 'function') throw new TypeError(`handlers[${JSON.stringify(name)}] is not a function`);
  }
  return new Map(entries.map(([name, handler]) => [soundName('handlers', name), handler]));
}
