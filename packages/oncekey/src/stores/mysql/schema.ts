/**
 * The table as plain text, for anybody's migration tool, and `migrate` for those who have
 * none. The checks hold what the statements promise (in progress has no outcome, completed
 * has one). The version stands in the table's comment: these servers commit each DDL
 * statement by itself, and so a change of the table and of its version are one statement. A
 * newer one is refused, never guessed at.
 */
import type { Run } from './database.ts';
import { type MysqlPool, checkPool, run } from './client.ts';
import { numberOf, storeError, unusable } from './failure.ts';
import { type TableNames, type TableOptions, tableNames } from './names.ts';
import { literal, nowUs } from './statement.ts';

/** The version that this library writes. */
const version = 1;
const duplicateKeyName = 1061;
const comment = 'oncekey schema ';

/** DDL of one migration and of its way back; each statement ends with a semicolon at the end of a line. */
export interface Migration {
  readonly up: string;
  readonly down: string;
}

/** The DDL of a schema version. */
export interface MysqlSchema extends Migration {
  readonly version: number;
  /** Indexes for people who search by key, scope and operation, or for the abandoned. They slow writes down. */
  readonly operators: Migration;
}

/** Options of {@link migrate}. */
export interface MigrateOptions extends TableOptions {
  /** Whether to add the operators' indexes too; default false. */
  readonly operators?: boolean;
}

// Rows by their number: clustering by a random id would touch another page of bodies with every claim once the table is
// larger than memory, and the number is the order in which records are listed. The id is unique beside it. Texts are as
// long as they come. How they compare is up to the statements, which never rely on a collation.
function createTable({ records }: TableNames): string {
  return `CREATE TABLE ${records} (
  record_number BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  id BINARY(32) NOT NULL,
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
  CHECK (state IN ('in-progress', 'open', 'completed', 'erased')),
  CHECK (attempt >= 1),
  CHECK ((state = 'in-progress') = (lease_end_us IS NOT NULL)),
  CHECK ((state = 'completed' OR state = 'erased') = (outcome_kind IS NOT NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_head IS NULL)),
  CHECK ((outcome_kind IS NULL) = (outcome_crc32 IS NULL)),
  CHECK ((outcome_kind IS NULL) = (completed_at_us IS NULL)),
  CHECK (outcome_kind IS NOT NULL OR outcome_body IS NULL),
  UNIQUE KEY id (id),
  KEY expiry (expires_at_us)
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin COMMENT='${comment}${version}'`;
}

function createView({ records, view }: TableNames): string {
  const instant = (column: string): string => `'1970-01-01' + INTERVAL ${column}_us MICROSECOND AS ${column}`;
  const text = 'CONVERT(outcome_body USING utf8mb4)';
  return `CREATE OR REPLACE VIEW ${view} AS
SELECT LOWER(HEX(id)) AS record_id,
  IF(state = 'in-progress' AND lease_end_us <= ${nowUs}, 'abandoned', state) AS state,
  scope, operation, \`key\`, owner, method, path, event_id, attempt, revision, fingerprint,
  ${['first_seen_at', 'last_seen_at', 'completed_at', 'lease_end', 'expires_at'].map(instant).join(', ')},
  replay_count, conflict_count, conflict_fingerprints, timeline, outcome_kind,
  JSON_VALUE(outcome_head, '$.status') AS status, JSON_EXTRACT(outcome_head, '$.headers') AS headers,
  LENGTH(outcome_body) AS body_bytes, IF(JSON_VALID(${text}), ${text}, NULL) AS body_json
FROM ${records}
WHERE expires_at_us IS NULL OR expires_at_us > ${nowUs}`;
}

function createIndexes({ records }: TableNames): string {
  return `ALTER TABLE ${records}
  ADD KEY operators_key (\`key\`(64)),
  ADD KEY operators_scope (scope(64), operation(64)),
  ADD KEY operators_state (state, lease_end_us)`;
}

/** The DDL for a table name of one's own. Throws a TypeError for a name that cannot be one. */
export function schemaFor(options: TableOptions): MysqlSchema {
  const names = tableNames(options);
  return {
    version,
    up: `${createTable(names)};\n${createView(names)};\n`,
    down: `DROP VIEW ${names.view};\nDROP TABLE ${names.records};\n`,
    operators: {
      up: `${createIndexes(names)};\n`,
      down: `ALTER TABLE ${names.records} DROP KEY operators_key, DROP KEY operators_scope, DROP KEY operators_state;\n`,
    },
  };
}

/** The DDL for one's own migration tool: `up` makes the table of `version` and its view, `down` removes both. */
export const schema: MysqlSchema = schemaFor({});

/**
 * Makes table and view if they are not there (and the operators' indexes, where asked for), and tells whether it did
 * anything. Safe to call at every start and from several processes at once. Throws `store_unusable` when the database
 * holds a newer schema, or a table of this name that is not one of this library.
 */
export async function migrate(
  pool: MysqlPool,
  options: MigrateOptions = {},
): Promise<{ readonly kind: 'migrated' | 'current' }> {
  checkPool(pool);
  const names = tableNames(options);
  const statement: Run = (one) => run(pool, one);
  try {
    const made = await makeTable(statement, names);
    const indexed = options.operators === true && (await makeIndexes(statement, names));
    return { kind: made || indexed ? 'migrated' : 'current' };
  } catch (error) {
    throw storeError(error, 'start');
  }
}

async function makeTable(statement: Run, names: TableNames): Promise<boolean> {
  const isThere = (await versionOf(statement, names)) !== undefined;
  // Another process may be first meanwhile: then the table is there, as it should be.
  if (!isThere) await statement({ sql: createTable(names).replace('CREATE TABLE', 'CREATE TABLE IF NOT EXISTS') });
  await checkVersion(statement, names);
  if (!isThere) await statement({ sql: createView(names) });
  return !isThere;
}

async function makeIndexes(statement: Run, names: TableNames): Promise<boolean> {
  const { rows } = await statement({
    sql: `SELECT COUNT(*) FROM information_schema.statistics
      WHERE table_schema = DATABASE() AND table_name = ${literal(names.table)} AND index_name = 'operators_key'`,
  });
  if (Number(rows[0]?.[0]) > 0) return false;
  try {
    await statement({ sql: createIndexes(names) });
    return true;
  } catch (error) {
    // Another process was first.
    if (numberOf(error) === duplicateKeyName) return false;
    throw error;
  }
}

/** Throws `store_unusable` unless the table is there and of this program's version. */
export async function checkVersion(statement: Run, names: TableNames): Promise<void> {
  const found = await versionOf(statement, names);
  const { table } = names;
  if (found === version) return;
  if (found === undefined) {
    throw unusable(
      `there is no table ${table}; run \`oncekey migrate --store URL\` or migrate() once, then start again`,
    );
  }
  if (found > version) {
    throw unusable(`${table} says schema version ${found}, this program knows up to ${version}; use a newer program`);
  }
  throw unusable(`${table} is not a table of this library; choose another table name`);
}

// 0 for a table of somebody else's.
async function versionOf(statement: Run, { table }: TableNames): Promise<number | undefined> {
  const { rows } = await statement({
    sql: `SELECT table_comment FROM information_schema.tables
      WHERE table_schema = DATABASE() AND table_name = ${literal(table)}`,
  });
  const [found] = rows[0] ?? [];
  if (found === undefined) return undefined;
  const [, number] = new RegExp(`^${comment}(\\d{1,9})$`).exec(String(found)) ?? [];
  return Number(number ?? 0);
}
