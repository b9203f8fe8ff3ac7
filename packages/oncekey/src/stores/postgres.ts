/**
 * Records in PostgreSQL: durable, for any number of processes, in the database that the
 * service already has. It keeps I1–I3, I5, I6 and I13–I15 by a unique index and conditional
 * one-statement writes on the primary, never by an isolation level, and by the server's
 * clock. Calls that arrive while others are under way go together in one statement. Steps
 * live in the record's row: many large ones are written again at each save.
 */
import type { ClaimAsk, RecordId, Store } from '../core/store.ts';
import { type BatchEntry, type CoalesceOptions, type Traffic, coalesce } from './coalesce.ts';
import { checkListLimit } from './in-process/record-rules.ts';
import { bindTo } from './postgres/binding.ts';
import { check } from './postgres/check.ts';
import { claimAll, claimStatements } from './postgres/claim.ts';
import { type PostgresClient, executeOn } from './postgres/client.ts';
import { type Phase, isOfOneCall, storeError } from './postgres/failure.ts';
import { type TableOptions, tableNames } from './postgres/names.ts';
import type { PostgresListener } from './postgres/notices.ts';
import { erase, noteAll, operatorStatements, preparePut, putAll, resolve } from './postgres/operating.ts';
import {
  completeAll,
  extendAll,
  ownerStatements,
  prepareComplete,
  prepareStep,
  releaseAll,
  saveStepAll,
} from './postgres/ownership.ts';
import { listPage, readAll, readStatement } from './postgres/reading.ts';
import { type Server, serverOf } from './postgres/server.ts';
import { Sweeper } from './postgres/sweep.ts';
import { Watching } from './postgres/watching.ts';
import type { WholeStore } from './whole-store.ts';

export type {
  PostgresClient,
  PostgresConnection,
  PostgresPool,
  PostgresPoolClient,
  PostgresTag,
} from './postgres/client.ts';
export type { TableOptions } from './postgres/names.ts';
export type { ChannelListener, NotificationClient, PostgresListener } from './postgres/notices.ts';
export { type Migration, type PostgresSchema, migrate, schema, schemaFor } from './postgres/schema.ts';

/** How a PostgreSQL store behaves. */
export interface PostgresOptions extends TableOptions {
  /** How long a statement may take, waiting for a connection included, before it fails with `store_unavailable` and gives its connection up; default 5000 ms. */
  readonly statementTimeoutMs?: number;
  /**
   * A connection to hear of other processes' changes on, so that `watch` need not poll: a connected client of `pg` that
   * is used for nothing else, the tag of `postgres` or a PGlite; never through a transaction pooler. With it, this
   * store's changes are told to others, at the price of a NOTIFY each. Default: none, and `watch` polls.
   */
  readonly listener?: PostgresListener;
}

/** {@link Store} with promises and with all that is optional. */
export type PostgresStore = WholeStore & Required<Pick<Store, 'watch' | 'bind'>>;

/**
 * A store in the tables that `migrate` (or the DDL in `schema`) has made. `client` is a pool of `pg`, the tag of
 * `postgres`, a single connection or a PGlite; it stays the caller's and is never closed. No session state is needed, so
 * any pooler may stand in between. Set a pool's own `connectionTimeoutMillis`: a connection that never comes about is its
 * to give up. The schema's version and the grants are checked before the first call is sent.
 * Throws a TypeError for a wrong option.
 */
export function postgres(client: PostgresClient, options: PostgresOptions = {}): PostgresStore {
  const { statementTimeoutMs = 5000 } = options;
  if (!(Number.isFinite(statementTimeoutMs) && statementTimeoutMs > 0))
    throw new TypeError(`postgres: statementTimeoutMs must be a positive number, not ${String(statementTimeoutMs)}`);
  const names = tableNames(options);
  const server = serverOf(executeOn(client, statementTimeoutMs), names);
  const watching = new Watching(server, options.listener);
  const calls = new Calls(server);
  return {
    name: 'postgres',
    ...ownerMethods(calls, watching),
    ...otherMethods(calls, watching),
    watch: (id, changed) => watching.add(id, changed),
    bind: bindTo(names),
    async close() {
      await watching.close();
    },
  };
}

/** Sends calls once it is known that the database can serve, and says what failed. */
class Calls {
  readonly server: Server;
  readonly #traffic: Traffic = { underWay: 0 };
  #ready: Promise<void> | undefined;
  #isReady = false;

  constructor(server: Server) {
    this.server = server;
  }

  /** Verifies the database; a failure is not remembered. */
  async verify(): Promise<void> {
    this.#ready ??= check(this.server);
    try {
      await this.#ready;
      this.#isReady = true;
    } catch (error) {
      throw storeError(error, 'start', this.server.names);
    } finally {
      this.#ready = undefined;
    }
  }

  /** Sends one thing by itself. */
  async alone<T>(phase: Phase, send: () => Promise<T>): Promise<T> {
    if (!this.#isReady) await this.verify();
    try {
      return await send();
    } catch (error) {
      throw storeError(error, phase, this.server.names);
    }
  }

  /** A function that sends calls together. */
  together<Ask, Answer>(
    phase: Phase,
    send: (asks: readonly Ask[]) => Promise<BatchEntry<Answer>[]>,
    options: Partial<CoalesceOptions<Ask, Answer>> = {},
  ): (ask: Ask) => Promise<Answer> {
    return coalesce({
      send: (asks) => this.alone(phase, () => send(asks)),
      gather: (go) => void setImmediate(go),
      traffic: this.#traffic,
      apart: (error) => isOfOneCall((error as { cause?: unknown }).cause),
      ...options,
    });
  }
}

type OwnerMethods = Pick<PostgresStore, 'claim' | 'extend' | 'complete' | 'release' | 'saveStep'>;
type OtherMethods = Omit<PostgresStore, keyof OwnerMethods | 'name' | 'watch' | 'bind' | 'close'>;

const idOf = ({ id }: { readonly id: RecordId }): RecordId => id;

// A queue for each kind of call: heartbeats and completions never stand behind a storm of claims.
function ownerMethods(calls: Calls, watching: Watching): OwnerMethods {
  const { server } = calls;
  const claims = claimStatements(server.names);
  const owners = ownerStatements(server.names);
  const claim = calls.together('claim', (asks: readonly ClaimAsk[]) => claimAll(server, claims, asks));
  const extend = calls.together('work', extendAll.bind(null, server, owners), { idOf });
  const complete = calls.together('complete', completeAll.bind(null, server, owners), {
    idOf,
    bytesOf: ({ asked }) => asked.reduce((sum, text) => sum + (text?.length ?? 0), 0),
  });
  const release = calls.together('complete', releaseAll.bind(null, server, owners), { idOf });
  const saveStep = calls.together('work', saveStepAll.bind(null, server, owners), {
    idOf,
    bytesOf: ({ bytes }) => bytes.length,
  });
  return {
    claim,
    extend: (id, token, leaseMs) => extend({ id, token, leaseMs }),
    async complete(ask) {
      const answer = await complete(prepareComplete(ask));
      if (answer.kind === 'stored') watching.tell(ask.id);
      return answer;
    },
    async release(id, token, keepMs) {
      const answer = await release({ id, token, keepMs });
      if (answer.kind === 'released') watching.tell(id);
      return answer;
    },
    saveStep: (id, token, step) => saveStep(prepareStep(id, token, step)),
  };
}

function otherMethods(calls: Calls, watching: Watching): OtherMethods {
  const { server } = calls;
  const operators = operatorStatements(server.names);
  const sweeper = new Sweeper(server);
  const read = calls.together('other', readAll.bind(null, server, readStatement(server.names)));
  const put = calls.together('other', putAll.bind(null, server, operators), { idOf: ([id]) => id ?? '' });
  const note = calls.together('other', noteAll.bind(null, server, operators), { idOf });
  return {
    read,
    async put(record) {
      const answer = await put(preparePut(record));
      if (answer.kind === 'put') watching.tell(record.id);
      return answer;
    },
    async note(notes) {
      await Promise.all(notes.map((one) => note(one)));
    },
    async list(ask) {
      checkListLimit(ask.limit);
      return calls.alone('other', () => listPage(server, ask));
    },
    async resolve(ask) {
      const answer = await calls.alone('other', () => resolve(server, operators, ask));
      if (answer.kind === 'resolved') watching.tell(ask.id);
      return answer;
    },
    async erase(id, keepMs) {
      const answer = await calls.alone('other', () => erase(server, operators, id, keepMs));
      if (answer.kind === 'erased') watching.tell(id);
      return answer;
    },
    sweep: (limit) => calls.alone('other', () => sweeper.sweep(limit)),
    check: () => calls.verify(),
  };
}
