/**
 * Atomic mode beside the same business transaction without it, on a private PostgreSQL that
 * syncs each commit: a line and two balances, 16 and 64 at a time.
 */
import pg from 'pg';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { compareWithHand } from './harness/store.js';

const rows = /** @type {const} */ ([
  { task: 'pairs', concurrency: 16, goal: 0.6 },
  { task: 'pairs', concurrency: 64, goal: 0.6 },
]);

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function atomic(quick) {
  const server = await startPrivateServer('postgres', 'ONCEKEY_POSTGRES_URL');
  const library = await startChild('servers/atomic.js', ['library', server.url]);
  const bare = await startChild('servers/atomic.js', ['bare', server.url]);
  try {
    const figures = await compareWithHand(
      'atomic',
      { library, hand: bare },
      rows,
      quick,
      await processIdOf(server.url),
    );
    return figures.map((figure) => ({
      ...figure,
      metric: figure.metric.replace('pairs', 'transactions'),
      baseline: 'the same transaction without it',
    }));
  } finally {
    library.end();
    bare.end();
    await server.stop();
  }
}

/**
 * Of the process that all others of the server come from.
 * @param {string} url
 */
async function processIdOf(url) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows: found } = await client.query("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) AS id");
  await client.end();
  return Number(found[0].id);
}
