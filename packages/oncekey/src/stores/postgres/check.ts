/**
 * Whether the database can serve: a primary that can be written to, of a version that has
 * what the statements use, with the tables of this schema and the grants on them. Changes
 * nothing and makes nothing (I11 at the start).
 */
import { withParameter } from './client.ts';
import { unusable } from './failure.ts';
import { checkVersion } from './schema.ts';
import type { Server } from './server.ts';

/** PostgreSQL 14 reads ranges of pages without the whole table, which sweeping needs. */
const oldestServer = 140000;
const grants = ['SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/** {@link Store.check}. Throws `store_unusable` that says what to do. */
export async function check({ names, runText }: Server): Promise<void> {
  const [row = {}] = await runText(
    `SELECT current_setting('server_version_num') AS server, pg_is_in_recovery()::text AS standby,
      current_setting('transaction_read_only') AS readonly, current_user::text AS role,
      to_regclass($1::text)::text AS records, to_regclass($2::text)::text AS version`,
    [names.records, names.version],
  );
  if (Number(row['server']) < oldestServer) throw unusable('PostgreSQL is too old; version 14 or newer is needed');
  if (row['standby'] === 'true' || row['readonly'] === 'on')
    throw unusable('the server is read-only, such as a replica; give the store a connection to the primary');
  for (const [found, name] of [
    [row['version'], names.version],
    [row['records'], names.records],
  ] as const) {
    if (found === null)
      throw unusable(
        `there is no table ${name}; run \`oncekey migrate --store URL\` or migrate() once, then start again`,
      );
  }
  const [granted = {}] = await runText(
    `SELECT has_table_privilege($2::text, 'SELECT')::text AS version, ${grants
      .map((grant) => `has_table_privilege($1::text, '${grant}')::text AS ${grant.toLowerCase()}`)
      .join(', ')}`,
    [names.records, names.version],
  );
  const missing = grants.filter((grant) => granted[grant.toLowerCase()] !== 'true');
  if (missing.length > 0)
    throw unusable(`the role ${String(row['role'])} lacks ${missing.join(', ')} on ${names.records}; grant it`);
  if (granted['version'] !== 'true')
    throw unusable(`the role ${String(row['role'])} lacks SELECT on ${names.version}; grant it`);
  const [found] = await runText(`SELECT version::text AS version FROM ${names.version} ${withParameter}`, [null]);
  checkVersion(found?.['version'], names);
}
