/**
 * What `oncekey migrate` does for each kind of store: the text of its tables, and making
 * them. A store without tables has no entry.
 */
import { shownUrl } from '../gateway/store.ts';
import { Refusal, reasonOf } from '../refusal.ts';

/** Which text is wanted. */
export interface Wanted {
  /** Indexes for people who search, instead of the tables. */
  readonly operators: boolean;
  /** The way back. */
  readonly down: boolean;
}

/** How the tables of one kind of store come to be. */
export interface Migrator {
  /** The text, to be run by somebody's own tool. */
  print(url: string, wanted: Wanted): Promise<string>;
  /** Makes them (or the operators' indexes) and tells what was done, in one line. */
  run(url: string, operators: boolean): Promise<string>;
}

const postgresMigrator: Migrator = {
  async print(url, { operators, down }) {
    const { schemaFor } = await import('oncekey/postgres');
    const { tablesOf } = await import('../stores/postgres.ts');
    const schema = schemaFor(tablesOf(url));
    const migration = operators ? schema.operators : schema;
    return down ? migration.down : migration.up;
  },
  async run(url, operators) {
    const { migrate, schemaFor } = await import('oncekey/postgres');
    const { targetOf } = await import('../stores/postgres.ts');
    const { pool, tables } = targetOf(url);
    try {
      const { kind } = await migrate(pool, tables);
      const { version } = schemaFor(tables);
      const said =
        kind === 'migrated' ? `made the tables of version ${version}` : `version ${version} is there already`;
      if (!operators) return said;
      await pool.query(schemaFor(tables).operators.up);
      return `${said}; made the operators' indexes`;
    } finally {
      await pool.end();
    }
  },
};

const mysqlMigrator: Migrator = {
  async print(url, { operators, down }) {
    const { schemaFor } = await import('oncekey/mysql');
    const { tablesOf } = await import('../stores/mysql.ts');
    const schema = schemaFor(tablesOf(url));
    const migration = operators ? schema.operators : schema;
    return down ? migration.down : migration.up;
  },
  async run(url, operators) {
    const { migrate, schema } = await import('oncekey/mysql');
    const { targetOf } = await import('../stores/mysql.ts');
    const { pool, tables } = targetOf(url);
    try {
      const { kind } = await migrate(pool, tables);
      const said =
        kind === 'migrated'
          ? `made the tables of version ${schema.version}`
          : `version ${schema.version} is there already`;
      if (!operators) return said;
      const indexes = await migrate(pool, { ...tables, operators });
      return indexes.kind === 'migrated'
        ? `${said}; made the operators' indexes`
        : `${said}, with the operators' indexes`;
    } finally {
      await pool.end();
    }
  },
};

const sqliteMigrator: Migrator = {
  async print(_url, { operators, down }) {
    if (operators) throw new Refusal('--operators: sqlite: has no indexes of its own for operators');
    const { schema } = await import('oncekey/sqlite');
    return down ? schema.down : schema.up;
  },
  async run(url, operators) {
    if (operators) throw new Refusal('--operators: sqlite: has no indexes of its own for operators');
    const { sqlite, schema } = await import('oncekey/sqlite');
    const store = sqlite(url.replace(/^sqlite:(\/\/)?/i, ''));
    try {
      await store.check();
      return `version ${schema.version} is there`;
    } finally {
      await store.close();
    }
  },
};

const migrators: ReadonlyMap<string, Migrator> = new Map([
  ['postgres', postgresMigrator],
  ['postgresql', postgresMigrator],
  ['mysql', mysqlMigrator],
  ['sqlite', sqliteMigrator],
]);

const tableless: ReadonlySet<string> = new Set(['memory', 'json-file', 'redis', 'rediss', 'redis+cluster']);

/** Calls `use` with the migrator of the URL's store. Throws a `Refusal` that says what is wrong. */
export async function withMigrator(url: string, use: (migrator: Migrator) => Promise<string>): Promise<string> {
  const scheme = url.split(':', 1)[0]?.toLowerCase() ?? '';
  if (tableless.has(scheme)) throw new Refusal(`--store: ${scheme}: has no tables; there is nothing to migrate`);
  const migrator = migrators.get(scheme);
  if (migrator === undefined)
    throw new Refusal(`--store: ${JSON.stringify(shownUrl(url))} will not do; use ${[...migrators.keys()].join(', ')}`);
  try {
    return await use(migrator);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`--store: ${shownUrl(url)}: ${reasonOf(error)}`);
  }
}
