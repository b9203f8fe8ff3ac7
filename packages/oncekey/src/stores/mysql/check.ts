/**
 * What a server and the pool's connections must be like, found out once: fails closed where
 * a setting would change or lose what is stored (I11).
 */
import type { Run } from './database.ts';
import { unusable } from './failure.ts';
import type { TableNames } from './names.ts';
import { checkVersion } from './schema.ts';

/** The oldest servers whose CHECK constraints, SKIP LOCKED and JSON_VALUE this store can rely on. */
const oldest = { mariadb: [10, 6, 0], mysql: [8, 0, 21] } as const;

/** Answers how many bytes a statement may have. Throws `store_unusable` unless server, connections and table are as they must be. */
export async function inspect(statement: Run, names: TableNames): Promise<number> {
  const { rows } = await statement({
    sql: 'SELECT @@version, @@autocommit, @@character_set_results, @@max_allowed_packet',
  });
  const [version, autocommit, charset, packetBytes] = rows[0] ?? [];
  checkServer(String(version));
  if (Number(autocommit) !== 1) {
    throw unusable('connections of the pool have autocommit off: what is written would be undone; turn it on');
  }
  if (String(charset) !== 'utf8mb4') {
    throw unusable(`connections of the pool read texts as ${String(charset)}; set the pool's charset to utf8mb4`);
  }
  await checkVersion(statement, names);
  return Number(packetBytes);
}

function checkServer(version: string): void {
  const kind = /mariadb/i.test(version) ? 'mariadb' : 'mysql';
  const numbers = version.split(/[.-]/, 3).map(Number);
  const needed = oldest[kind];
  const differing = needed.findIndex((number, index) => numbers[index] !== number);
  if (differing === -1 || (numbers[differing] ?? 0) > (needed[differing] ?? 0)) return;
  throw unusable(`the server is ${version}; this store needs MariaDB 10.6 or MySQL 8.0.21, or newer`);
}
