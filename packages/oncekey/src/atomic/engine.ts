/**
 * An engine whose ownership is an open transaction of the user's own database (I9): the
 * outcome and what the work wrote through `currentWork().tx` commit together, before the
 * answer is sent. Giving back rolls everything back. There is no lease to lose; a commit whose
 * reply was lost is resolved by reading.
 */
import { randomInt } from 'node:crypto';
import { systemClock, type Clock } from '../core/clock.ts';
import {
  createEngine,
  type Decision,
  type Engine,
  type EngineOptions,
  type Intent,
  type Ownership,
} from '../core/engine.ts';
import { pause } from '../core/guard.ts';
import type { Outcome } from '../core/outcome.ts';
import type { RecordId } from '../core/store.ts';
import { freshToken } from '../core/token.ts';
import { binderOf, bindTo, claimIn, RolledBack, underWay } from './claim.ts';
import { committedBy, isHeldIn } from './commit.ts';
import { type AtomicDatabase, checkDatabase } from './database.ts';
import { TransactionWork } from './work.ts';

/**
 * For the option `atomic` of HTTP entries: each request runs in a transaction of this database, which holds the store's
 * records. With a store that has no transactions to share, making the entry throws a TypeError; so does this for what is
 * no `AtomicDatabase`.
 */
export function transactionsOf<Tx>(db: AtomicDatabase<Tx>): (parts: EngineOptions) => Engine {
  checkDatabase(db);
  return (parts) => {
    binderOf(parts.store);
    return new AtomicEngine(parts, db);
  };
}

class AtomicEngine implements Engine {
  readonly #options: EngineOptions;
  readonly #db: AtomicDatabase<unknown>;
  /** Tells and looks; claims nothing. */
  readonly #plain: Engine;
  readonly #clock: Clock;
  readonly #running = new Set<RecordId>();

  constructor(options: EngineOptions, db: AtomicDatabase<unknown>) {
    this.#options = options;
    this.#db = db;
    this.#plain = createEngine(options);
    this.#clock = options.clock ?? systemClock;
  }

  async begin(intent: Intent): Promise<Decision> {
    const { inProgress, waitMs } = intent.policy;
    const untilMs = this.#clock.monotonicMs() + (inProgress === 'wait' ? waitMs : 0);
    for (;;) {
      // One transaction after the other.
      // oxlint-disable-next-line no-await-in-loop
      const decision = await this.#try(intent);
      if (decision.kind !== 'in-progress' || this.#clock.monotonicMs() >= untilMs) return this.told(intent, decision);
      await pause(this.#clock, randomInt(5, 30));
    }
  }

  look(intent: Intent): ReturnType<Engine['look']> {
    return this.#plain.look(intent);
  }

  told(intent: Intent, decision: Decision): ReturnType<Engine['told']> {
    return this.#plain.told(intent, decision);
  }

  close(): Promise<void> {
    return this.#plain.close();
  }

  #try(intent: Intent): Promise<Decision> {
    if (this.#running.has(intent.id)) return Promise.resolve(underWay);
    this.#running.add(intent.id);
    const { store } = this.#options;
    return new Promise((answer) => {
      let owned: OpenTransaction | undefined;
      const ended = this.#db.transaction(async (tx, execute) => {
        const bound = bindTo(store, execute);
        const token = freshToken();
        const attempt = await claimIn(bound, intent, token);
        owned = new OpenTransaction(intent.id, token, attempt, tx);
        answer({ kind: 'run', ownership: owned });
        const outcome = await owned.wish;
        if (outcome === null) throw new RolledBack(underWay);
        const stored = await bound.complete({ id: intent.id, token, outcome, retentionMs: intent.policy.retentionMs });
        if (stored.kind === 'lost') throw new RolledBack(underWay);
        owned.completedAtMs = stored.completedAtMs;
      }, 'by executing');
      const end = (): void => void this.#running.delete(intent.id);
      ended.then(
        () => {
          end();
          owned?.end('committed');
        },
        (error: unknown) => {
          end();
          if (owned === undefined) answer(this.#refused(error));
          else if (error instanceof RolledBack) owned.end('rolled back');
          else this.#resolveCommit(owned, intent, error);
        },
      );
    });
  }

  #refused(error: unknown): Decision {
    if (error instanceof RolledBack) return error.told;
    return this.#db.isConflict(error) ? underWay : { kind: 'store-down', cause: error };
  }

  /** The transaction failed after the work: whether it was committed, the record says. Nobody but an observer is told why. */
  #resolveCommit(owned: OpenTransaction, intent: Intent, error: unknown): void {
    const { store, onEvent } = this.#options;
    const { id } = owned;
    onEvent?.({ kind: 'store-failed', phase: 'complete', id, labels: intent.labels, error });
    const looking = committedBy(this.#clock, owned.token, {
      read: () => store.read(owned.id),
      isHeld: () => isHeldIn(this.#db, store, intent),
    });
    looking.then(
      (record) => {
        owned.completedAtMs = record?.completedAtMs ?? null;
        owned.end(record === undefined ? 'rolled back' : 'committed');
      },
      () => owned.end('unknown'),
    );
  }
}

type Ending = 'committed' | 'rolled back' | 'unknown';

/** Ownership while the transaction is open. */
class OpenTransaction extends TransactionWork implements Ownership {
  readonly lost = false;
  readonly released = false;
  completedAtMs: number | null = null;
  /** The outcome to commit with; null to roll back. */
  readonly wish: Promise<Outcome | null>;
  readonly #ended: Promise<Ending>;
  #say: (outcome: Outcome | null) => void = () => undefined;
  /** Tells how the transaction ended. */
  end: (ending: Ending) => void = () => undefined;

  constructor(...of: ConstructorParameters<typeof TransactionWork>) {
    super(...of);
    this.wish = new Promise((resolve) => (this.#say = resolve));
    this.#ended = new Promise((resolve) => (this.end = resolve));
  }

  async complete(outcome: Outcome): Promise<'stored' | 'lost' | 'unrecorded'> {
    this.#settle(outcome);
    const ending = await this.#ended;
    return ending === 'committed' ? 'stored' : ending === 'unknown' ? 'unrecorded' : 'lost';
  }

  async giveBack(): Promise<'released' | 'lost' | 'unrecorded'> {
    this.#settle(null);
    return (await this.#ended) === 'committed' ? 'lost' : 'released';
  }

  #settle(outcome: Outcome | null): void {
    this.settled = true;
    this.#say(outcome);
  }
}
