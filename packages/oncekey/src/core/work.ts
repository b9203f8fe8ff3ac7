/**
 * What a running work can see and say: its attempt, its proof of ownership, the signal
 * of a lost lease, its steps and keys for the next service; and which work the current
 * asynchronous flow belongs to (rule 16: nested use never blocks itself).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { framedSha256 } from './digest.ts';
import { IdempotencyError } from './errors.ts';
import type { RecordId, SavedStep, Token } from './store.ts';
import { decodeValue, encodeValue } from './value.ts';

/** Handed to the user's function while it owns the operation. */
export interface Work {
  /** 1 for the first owner, more after a takeover: what outside systems fence with. */
  readonly attempt: number;
  /** Proof of ownership, for completing from another process. */
  readonly token: Token;
  /** The transaction in atomic mode, as its library hands it out. */
  readonly tx?: unknown;
  /** Aborted when the lease is lost: stop, somebody else may be running. */
  readonly signal: AbortSignal;
  /**
   * Runs `act` once over all attempts: its result (JSON, up to 1 MiB) is stored under `name` and given back after a crash.
   * Throws `lease_lost`, `step_invalid`, `outcome_unserializable`, `outcome_too_large`, `store_unavailable`.
   */
  step<T>(name: string, act: () => T | Promise<T>): Promise<T>;
  /** A key for the next service, the same in every attempt: 43 characters of base64url. */
  key(name: string): string;
  /** Declares that nothing happened: however the work ends, a repeat may run again. */
  release(): void;
}

/** A work in progress, as its flow knows it. */
export interface Running {
  readonly id: RecordId;
  readonly work: Work;
  /** Whether it has been completed or released. */
  readonly settled: boolean;
}

type Flow = { readonly running: Running; readonly outer: Flow | undefined };

const flows = new AsyncLocalStorage<Flow>();

/** Calls `run` so that it, and all it starts, belongs to the work. */
export function withWork<T>(running: Running, run: () => T): T {
  return flows.run({ running, outer: flows.getStore() }, run);
}

/** The innermost work that the calling code belongs to; undefined outside of any. */
export function currentWork(): Work | undefined {
  return flows.getStore()?.running.work;
}

/** The still unsettled work of this kind that the calling code itself belongs to, if any. */
export function ownedHere(isMeant: (running: Running) => boolean): Work | undefined {
  for (let flow = flows.getStore(); flow; flow = flow.outer) {
    if (!flow.running.settled && isMeant(flow.running)) return flow.running.work;
  }
  return undefined;
}

/** A stable key for the next service: from the record and the name, the same in every attempt. */
export function derivedKey(id: RecordId, name: string): string {
  return framedSha256(['next', id, name], 'base64url');
}

const maxSteps = 1000;
const maxResultBytes = 1_048_576;

/** Steps of one attempt: those of earlier attempts are given back, new ones handed to `save`. */
export class Steps {
  readonly #saved: Map<string, Uint8Array>;
  readonly #used = new Set<string>();
  readonly #save: (step: SavedStep) => Promise<void>;

  constructor(saved: readonly SavedStep[], save: (step: SavedStep) => Promise<void>) {
    this.#saved = new Map(saved.map((step) => [step.name, step.bytes]));
    this.#save = save;
  }

  /** See `Work.step`. */
  async run<T>(name: string, act: () => T | Promise<T>): Promise<T> {
    const reason = this.#unfit(name);
    if (reason !== undefined)
      throw new IdempotencyError('step_invalid', `step ${JSON.stringify(name)}: ${reason}`, { step: name, reason });
    this.#used.add(name);
    const saved = this.#saved.get(name);
    if (saved !== undefined) return decodeValue(saved) as T;
    const bytes = encodeValue(await act(), maxResultBytes);
    await this.#save({ name, bytes });
    return decodeValue(bytes) as T;
  }

  #unfit(name: string): string | undefined {
    // What a store does not keep as it is (half of a surrogate pair, U+0000) would run again.
    if (!name?.trim?.() || name.length > 255 || /[\0\p{Cs}]/u.test(name))
      return 'a name has 1 to 255 characters, the same in every attempt';
    if (this.#used.has(name)) return 'a name stands for one step only; give each step its own';
    if (this.#used.size >= maxSteps) return `a work has at most ${maxSteps} steps; split it into several operations`;
    return undefined;
  }
}
