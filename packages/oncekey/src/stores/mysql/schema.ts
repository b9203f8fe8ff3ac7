/**
 * The table, its version and how a database gets to it. The checks make a record in
 * progress with an outcome, or a completed one without, impossible to write. The version
 * stands in the table's comment: these servers commit each DDL statement by itself, and so
 * a change of the table and of its version are one statement. A newer one is refused, never
 * guessed at.
 */
import type { Run } from './database.ts';
import { type MysqlPool, checkPool, run } from './driver.ts';
import { storeError, unusable } from './failure.ts';
import { literal } from './spelling.ts';

/** The version of the table that this program knows. */
export const version = 1;
const comment = 'oncekey schema ';

/** The table's name unless told otherwise. */
export const defaultTable = 'oncekey_records';

/** DDL for one's own migration tool. */
export interface Ddl {
  /** Makes it; one statement, without a semicolon. */
  readonly up: string;
  /** Removes it, with all it holds. */
  readonly down: string;
}

/** Throws a TypeError naming `where` unless `table` can be a table's name: letters, digits and _, at most 50. */
export function checkTable(table: unknown, where: string): asserts table is string {
  if (typeof table === 'string' && /^[A-Za-z_][A-Za-z0-9_]{0,49}$/.test(table)) return;
  throw new TypeError(`${where} must be a table's name of letters, digits and _, at most 50, not ${String(table)}`);
}

// Rows by their number: clustering by a random id would touch another page of bodies with every claim once the table is
// larger than memory, and the number is the order in which a page of records is told. The id is unique beside it.
// Texts are as long as they come; how they compare is the caller's bytes, never a collation.
/** The table of records under this name. */
export function tableDdl(table: string = defaultTable): Ddl {
  checkTable(table, 'schema: table');
  return {
    up: `CREATE TABLE \`${table}\` (
  record_number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id BINARY(32) NOT NULL UNIQUE,
  state VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
  attempt INT NOT NULL,
  revision BIGINT NOT NULL,
  token VARBINARY(64),
  fingerprint VARCHAR(255),
  lease_end_us BIGINT,
  keep_us BIGINT,
  expires_at_us BIGINT,
  first_seen_at_us BIGINT NOT NULL,
  last_seen_at_us BIGINT NOT NULL,
  completed_at_us BIGINT,
  replay_count BIGINT NOT NULL DEFAULT 0,
  conflict_count BIGINT NOT NULL DEFAULT 0,
  scope LONGTEXT NOT NULL,
  operation LONGTEXT,
  \`key\` LONGTEXT NOT NULL,
  owner LONGTEXT,
  method LONGTEXT,
  path LONGTEXT,
  event_id LONGTEXT,
  conflict_fingerprints LONGTEXT,
  timeline LONGTEXT,
  steps LONGBLOB,
  outcome_kind VARCHAR(12) CHARACTER SET ascii COLLATE ascii_bin,
  outcome_crc32 BIGINT,
  outcome_head LONGTEXT,
  outcome_body LONGBLOB,
  outcome_status SMALLINT AS (CAST(JSON_VALUE(outcome_head, '$.status') AS SIGNED)) VIRTUAL,
  CHECK (state IN ('in-progress', 'open', 'completed', 'erased')),
  CHECK (attempt >= 1),
  CHECK ((state = 'in-progress') = (lease_end_us IS NOT NULL)),
  CHECK ((state = 'completed' OR state = 'erased') = (outcome_kind IS NOT NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_head IS NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_crc32 IS NULL)),
  CHECK ((outcome_kind IS NULL) = (completed_at_us IS NULL)),
  CHECK (outcome_kind IS NOT NULL OR outcome_body IS NULL),
  KEY expiry (expires_at_us)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='${comment}${version}'`,
    down: `DROP TABLE \`${table}\``,
  };
}

/** Indexes for those who search by scope, operation or key, or list the abandoned: they cost every claim a little. */
export function operatorIndexesDdl(table: string = defaultTable): Ddl {
  checkTable(table, 'schema: table');
  return {
    up: `ALTER TABLE \`${table}\`
  ADD KEY operators_key (\`key\`(64)),
  ADD KEY operators_scope (scope(64), operation(64)),
  ADD KEY operators_state (state, lease_end_us)`,
    down: `ALTER TABLE \`${table}\` DROP KEY operators_key, DROP KEY operators_scope, DROP KEY operators_state`,
  };
}

/** The DDL for one's own migration tool, for the default name: `up` makes the table of `version`, `down` removes it. */
export const schema: { readonly version: number; readonly operatorIndexes: Ddl } & Ddl = {
  version,
  ...tableDdl(),
  operatorIndexes: operatorIndexesDdl(),
};

/** What to migrate. */
export interface MigrateOptions {
  /** Default `oncekey_records`. */
  readonly table?: string;
  /** Whether to add the indexes that operators' searches use; default false. */
  readonly operatorIndexes?: boolean;
}

/**
 * Makes the table if it is not there, and the operators' indexes where asked for. Safe to call at every start and from
 * several processes. Throws `store_unusable` when the table is of a newer schema or is not one of this library.
 */
export async function migrate(pool: MysqlPool, options: MigrateOptions = {}): Promise<void> {
  const { table = defaultTable, operatorIndexes = false } = options;
  checkPool(pool);
  checkTable(table, 'migrate: options.table');
  const statement: Run = (spelled) => run(pool, spelled);
  try {
    if ((await versionOf(statement, table)) === undefined) {
      // Another process may be first: then the table is there, as it should be.
      await statement({ sql: tableDdl(table).up.replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS') });
    }
    await checkVersion(statement, table);
    if (operatorIndexes && !(await hasOperatorIndexes(statement, table))) {
      await statement({ sql: operatorIndexesDdl(table).up });
    }
  } catch (error) {
    throw storeError(error, 'start');
  }
}

/** Throws `store_unusable` unless the table is there and of this program's version. */
export async function checkVersion(statement: Run, table: string): Promise<void> {
  const found = await versionOf(statement, table);
  if (found === version) return;
  if (found === undefined) {
    throw unusable(`there is no table ${table}; run the migration (migrate(pool), or oncekey migrate --store URL)`);
  }
  if (found > version) {
    throw unusable(
      `table ${table} has schema version ${found}, this program knows up to ${version}; use a newer program`,
    );
  }
  throw unusable(`there is a table ${table} that is not one of this library; choose another table name`);
}

// 0 for a table of somebody else's.
async function versionOf(statement: Run, table: string): Promise<number | undefined> {
  const { rows } = await statement({
    sql: `SELECT table_comment FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_name = ${literal(table)}`,
  });
  const [found] = rows[0] ?? [];
  if (found === undefined) return undefined;
  const [, number] = new RegExp(`^${comment}(\\d{1,9})$`).exec(String(found)) ?? [];
  return Number(number ?? 0);
}

async function hasOperatorIndexes(statement: Run, table: string): Promise<boolean> {
  const { rows } = await statement({
    sql: `SELECT index_name FROM information_schema.statistics
      WHERE table_schema = DATABASE() AND table_name = ${literal(table)} AND index_name = 'operators_key'`,
  });
  return rows.length > 0;
}
