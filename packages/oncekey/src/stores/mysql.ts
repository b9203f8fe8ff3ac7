/**
 * Records in a table of MariaDB (10.6 and newer) or MySQL (8.0.21 and newer): durable, for
 * any number of processes and machines that write to one primary. It keeps I1–I3, I5, I6 and
 * I13–I15 by a unique key and conditional writes of one row, under any isolation level; the
 * server's clock judges leases and retention. Its limits, plainly: never point the pool at a
 * replica; a primary that fails over to an asynchronous replica may lose the last records; an
 * outcome and all steps of a record must fit into max_allowed_packet.
 */
import type { ClaimAsk, Note, Store, SweepAnswer } from '../core/store.ts';
import { checkListLimit } from './in-process/record-rules.ts';
import { Access } from './mysql/access.ts';
import { bind } from './mysql/binding.ts';
import type { Place } from './mysql/database.ts';
import { type MysqlPool, checkPool } from './mysql/client.ts';
import { erase, noteAll, put, resolve, sweep } from './mysql/operating.ts';
import { release, saveStep } from './mysql/ownership.ts';
import { listRecords } from './mysql/reading.ts';
import { type TableOptions, tableNames } from './mysql/names.ts';
import type { WholeStore } from './whole-store.ts';

export type { MysqlConnection, MysqlPool, MysqlRunner, MysqlStatement, MysqlValue } from './mysql/client.ts';
export type { TableOptions } from './mysql/names.ts';
export { type MigrateOptions, type Migration, type MysqlSchema, migrate, schema, schemaFor } from './mysql/schema.ts';

/** How a MySQL store behaves. */
export interface MysqlOptions extends TableOptions {
  /** How long a statement may take, waiting for a connection included, before it fails with `store_unavailable` and gives its connection up; default 5000 ms. */
  readonly statementTimeoutMs?: number;
}

/** {@link Store} with promises and with all that is optional. */
export type MysqlStore = WholeStore & Required<Pick<Store, 'watch' | 'bind'>>;

/** Removing and noting are cut into transactions of so many records. */
const recordsAtOnce = 500;

/**
 * A store in the database of a pool: of `mysql2/promise` or of `mariadb`, which it never closes and whose settings it
 * leaves alone. The table must be there (`migrate(pool)`, or `schema.up` by your own tool). The first call looks at
 * server, connections and table, and throws `store_unusable` naming what is wrong; so does `check`. Throws a TypeError
 * for a wrong pool or option.
 */
export function mysql(pool: MysqlPool, options: MysqlOptions = {}): MysqlStore {
  const { statementTimeoutMs = 5000 } = options;
  checkPool(pool);
  if (!(Number.isFinite(statementTimeoutMs) && statementTimeoutMs > 0)) {
    throw new TypeError(`mysql: statementTimeoutMs must be a positive number, not ${String(statementTimeoutMs)}`);
  }
  const names = tableNames(options);
  const access = new Access(pool, names, statementTimeoutMs);
  return {
    name: 'mysql',
    ...ownerMethods(access),
    ...otherMethods(access),
    bind: (execute) => bind(execute, names.records),
  };
}

type OwnerMethods = Pick<MysqlStore, 'claim' | 'extend' | 'complete' | 'release' | 'saveStep'>;
type OtherMethods = Omit<MysqlStore, keyof OwnerMethods | 'name' | 'bind'>;

function ownerMethods(access: Access): OwnerMethods {
  return {
    claim: (ask) =>
      access.do('claim', ({ lanes }) => {
        checkLengths(ask);
        return lanes.claim(ask);
      }),
    extend: (id, token, leaseMs) => access.do('work', ({ lanes }) => lanes.extend({ id, token, leaseMs })),
    complete: (ask) => access.write(ask.id, 'complete', ({ lanes }) => lanes.complete(ask)),
    release: (id, token, keepMs) => access.write(id, 'complete', ({ place }) => release(place, id, token, keepMs)),
    saveStep: (id, token, step) => access.do('work', ({ place }) => saveStep(place, id, token, step)),
  };
}

function otherMethods(access: Access): OtherMethods {
  return {
    read: (id) => access.do('other', ({ lanes }) => lanes.read(id)),
    put: (record) => access.write(record.id, 'other', ({ place }) => put(place, record)),
    note: (notes) => access.do('other', ({ place }) => noteInParts(place, notes)),
    async list(ask) {
      checkListLimit(ask.limit);
      return access.do('other', ({ place }) => listRecords(place.db.run, place.table, ask));
    },
    resolve: (ask) => access.write(ask.id, 'other', ({ place }) => resolve(place, ask)),
    erase: (id, keepMs) => access.write(id, 'other', ({ place }) => erase(place, id, keepMs)),
    sweep: (limit) => access.do('other', ({ place }) => sweepInParts(place, limit)),
    watch: (id, changed) => access.watching.add(id, changed),
    check: () => access.check(),
    close: () => access.close(),
  };
}

async function noteInParts(place: Place, notes: readonly Note[]): Promise<void> {
  for (let first = 0; first < notes.length; first += recordsAtOnce) {
    // One transaction after the other, so that they do not wait for each other's rows.
    // oxlint-disable-next-line no-await-in-loop
    await noteAll(place, notes.slice(first, first + recordsAtOnce));
  }
}

async function sweepInParts(place: Place, limit: number): Promise<SweepAnswer> {
  let removed = 0;
  for (;;) {
    // One after the other, so that locks are short and other calls come in between.
    // oxlint-disable-next-line no-await-in-loop
    const swept = await sweep(place, Math.min(limit - removed, recordsAtOnce));
    removed += swept.removed;
    if (!swept.more || removed >= limit) return { removed, more: swept.more };
  }
}

// A server whose sql_mode is not strict would cut them in silence.
function checkLengths({ token, fingerprint }: ClaimAsk): void {
  if (token.length > 64) throw new RangeError(`claim: token must have at most 64 characters, not ${token.length}`);
  if (fingerprint !== null && fingerprint.length > 255) {
    throw new RangeError(`claim: fingerprint must have at most 255 characters, not ${fingerprint.length}`);
  }
}
