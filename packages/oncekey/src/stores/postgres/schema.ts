/**
 * The tables as plain text, for anybody's migration tool, and `migrate` for those who have
 * none. A check holds what the statements promise (in progress has no outcome, completed
 * has one) against hand-written ones too; it says no more, because every statement that
 * writes parses and plans it anew. Only the primary key is an index: operators' indexes cost
 * every write and are a migration of their own.
 */
import { type PostgresClient, executeOn, executeScript, withParameter } from './client.ts';
import { storeError, unusable } from './failure.ts';
import { type TableNames, type TableOptions, tableNames } from './names.ts';

/** The version that this library writes. */
const version = 1;

/** DDL of one migration and of its way back. */
export interface Migration {
  readonly up: string;
  readonly down: string;
}

/** The DDL of a schema version. */
export interface PostgresSchema extends Migration {
  readonly version: number;
  /** Indexes for people who search: pages by age and scope, keys and their prefixes, what expires. They slow writes down. */
  readonly operators: Migration;
}

// For transactions that claim: by index whatever the statistics say, so that its plan can be kept. It sees what was
// committed before the lock was free.
function lookText({ records, look }: TableNames): string {
  return `
CREATE FUNCTION ${look}(lock_key bigint, record_id bytea) RETURNS text LANGUAGE plpgsql SET enable_seqscan = off AS $body$
BEGIN
  IF NOT pg_try_advisory_xact_lock(lock_key) THEN
    RETURN 'held';
  END IF;
  RETURN coalesce((SELECT state FROM ${records} WHERE id = record_id), 'absent');
END $body$;
GRANT EXECUTE ON FUNCTION ${look}(bigint, bytea) TO PUBLIC;
`;
}

function upText(names: TableNames): string {
  const { records, version: versionTable, json, view } = names;
  return `
CREATE TABLE ${versionTable} (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  version integer NOT NULL
);
INSERT INTO ${versionTable} (version) VALUES (${version});
CREATE TABLE ${records} (
  id bytea PRIMARY KEY,
  revision bigint NOT NULL,
  lease_end timestamptz,
  expires_at timestamptz,
  first_seen_at timestamptz NOT NULL,
  last_seen_at timestamptz NOT NULL,
  completed_at timestamptz,
  attempt integer NOT NULL,
  outcome_crc32 integer,
  replay_count bigint NOT NULL DEFAULT 0,
  conflict_count bigint NOT NULL DEFAULT 0,
  status smallint,
  state text NOT NULL,
  token text COLLATE "C",
  fingerprint text COLLATE "C",
  scope text[] NOT NULL,
  operation text,
  key text COLLATE "C" NOT NULL,
  owner text,
  method text,
  path text,
  event_id text,
  outcome_kind text,
  headers json,
  details json,
  body bytea,
  step_names text[],
  step_bytes bytea[],
  conflict_fingerprints text[],
  timeline jsonb,
  CHECK ((outcome_kind IS NULL) = (state IN ('in-progress', 'open')))
);
CREATE FUNCTION ${json}(body bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $body$
BEGIN
  RETURN convert_from(body, 'UTF8')::jsonb;
EXCEPTION WHEN data_exception OR program_limit_exceeded THEN
  RETURN NULL;
END $body$;
CREATE VIEW ${view} AS
SELECT encode(id, 'hex') AS record_id,
  CASE WHEN state = 'in-progress' AND lease_end <= clock_timestamp() THEN 'abandoned' ELSE state END AS state,
  scope, operation, key, owner, method, path, event_id, attempt, revision, fingerprint,
  first_seen_at, last_seen_at, completed_at, lease_end, expires_at, replay_count, conflict_count,
  conflict_fingerprints, timeline, step_names, outcome_kind, status, headers, details,
  octet_length(body) AS body_bytes, ${json}(body) AS body_json
FROM ${records}
WHERE expires_at IS NULL OR expires_at > clock_timestamp();
${lookText(names)}`;
}

function downText({ records, version: versionTable, json, look, view }: TableNames): string {
  return `
DROP FUNCTION ${look}(bigint, bytea);
DROP VIEW ${view};
DROP FUNCTION ${json}(bytea);
DROP TABLE ${records};
DROP TABLE ${versionTable};
`;
}

function operatorsOf({ records, beside, inSchema }: TableNames): Migration {
  const indexes: readonly (readonly [suffix: string, on: string])[] = [
    ['by_age', '(first_seen_at, id)'],
    ['by_scope', '(scope, first_seen_at, id)'],
    ['by_key', '(key)'],
    ['by_expiry', '(expires_at) WHERE expires_at IS NOT NULL'],
  ];
  return {
    up: `\n${indexes.map(([suffix, on]) => `CREATE INDEX ${beside(suffix)} ON ${records} ${on};\n`).join('')}`,
    down: `\n${indexes.map(([suffix]) => `DROP INDEX ${inSchema(suffix)};\n`).join('')}`,
  };
}

/** The DDL for a schema and table name of one's own. Throws a TypeError for a name that cannot be one. */
export function schemaFor(options: TableOptions): PostgresSchema {
  const names = tableNames(options);
  return { version, up: upText(names), down: downText(names), operators: operatorsOf(names) };
}

/** The DDL for one's own migration tool: `up` makes the tables of `version`, `down` removes them with all records. */
export const schema: PostgresSchema = schemaFor({});

/**
 * Makes the tables if they are not there, in one transaction, and tells whether it did. Safe to call at every start and
 * from several processes at once. Throws `store_unusable` when the database holds a newer schema.
 */
export async function migrate(
  client: PostgresClient,
  options: TableOptions = {},
): Promise<{ readonly kind: 'migrated' | 'current' }> {
  const names = tableNames(options);
  if ((await findVersion(client, names)) !== undefined) return { kind: 'current' };
  try {
    await executeScript(client, upText(names));
    return { kind: 'migrated' };
  } catch (error) {
    // Another process may have been first.
    if ((await findVersion(client, names)) !== undefined) return { kind: 'current' };
    throw storeError(error, 'start', names);
  }
}

const migrateTimeoutMs = 60_000;

async function findVersion(client: PostgresClient, names: TableNames): Promise<number | undefined> {
  const execute = executeOn(client, migrateTimeoutMs);
  try {
    const [found] = await execute('SELECT to_regclass($1::text) IS NULL AS absent', [names.version]);
    if (found?.['absent'] === true) return undefined;
    const [row] = await execute(`SELECT version::text AS version FROM ${names.version} ${withParameter}`, [null]);
    return checkVersion(row?.['version'], names);
  } catch (error) {
    throw storeError(error, 'start', names);
  }
}

/** The version if this library can work with it. Throws `store_unusable` with both numbers when it is another. */
export function checkVersion(found: unknown, { version: versionTable }: TableNames): number {
  const number = Number(found);
  if (number === version) return number;
  if (Number.isInteger(number) && number > version) {
    throw unusable(
      `${versionTable} says schema version ${number}, this program knows up to ${version}; use a newer program`,
    );
  }
  throw unusable(`${versionTable} does not say which version the tables have; restore it from a backup`);
}
