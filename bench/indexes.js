/**
 * What the operators' indexes cost who claims and give who searches: two tables of the store
 * in one server, one with the indexes and one without, with a million records each.
 * `--only postgres` or `--only mysql` runs one of them, `--records N` takes fewer.
 */
import { fill } from './growth/children.js';
import { effort } from './harness/http.js';
import { prepareMariadb } from './harness/mariadb.js';
import { startPrivateServer } from './harness/private-server.js';
import { startChild } from './harness/process.js';
import { playRounds, ratioOf, spreadOf } from './harness/rounds.js';

/**
 * @typedef {import('./harness/report.js').Figure} Figure
 * @typedef {import('./harness/process.js').Child} Child
 * @typedef {{ with: Child, without: Child }} Children
 * @typedef {import('./growth/children.js').Effort['quietly']} Quietly
 */

const servers = /** @type {const} */ ({
  postgres: ['postgres', 'ONCEKEY_POSTGRES_URL'],
  mysql: ['mariadb', 'ONCEKEY_MYSQL_URL'],
});
const concurrencies = [64, 256];
const searches = ['one key', 'a small tenant', 'abandoned', 'the oldest'];
const searchRounds = 3;

/**
 * @param {boolean} quick With a tenth of the records, and shorter rounds.
 * @param {{ only?: readonly string[], records?: number, quietly?: Quietly }} [asked]
 * @returns {Promise<Figure[]>}
 */
export async function indexes(
  quick,
  { only = [], records = quick ? 100_000 : 1_000_000, quietly = (act) => act() } = {},
) {
  /** @type {Figure[]} */
  const figures = [];
  for (const kind of /** @type {const} */ (['postgres', 'mysql'])) {
    if (only.length > 0 && !only.includes(kind)) continue;
    const server = await startPrivateServer(...servers[kind]);
    try {
      if (kind === 'mysql') await prepareMariadb(server.url);
      const [without, withThem] = await Promise.all(
        ['without', 'with'].map((which) => startChild('servers/indexes.js', [kind, server.url, which])),
      );
      const children = /** @type {Children} */ ({ without, with: withThem });
      try {
        for (const child of [children.without, children.with]) {
          await child.ask({ task: 'open' });
          await fill(`indexes, ${kind}`, child, records);
        }
        const title = `indexes, ${kind}`;
        const about = { name: `indexes-${kind}`, records };
        const both = async () => [
          ...(await searchBoth(title, about, children)),
          ...(await claimBoth(title, about, children, effort(quick))),
        ];
        figures.push(...(await quietly(both)));
      } finally {
        for (const child of Object.values(children)) child.end();
      }
    } finally {
      await server.stop();
    }
  }
  return figures;
}

/**
 * @param {string} title
 * @param {{ name: string, records: number }} about
 * @param {Children} children
 * @returns {Promise<Figure[]>}
 */
async function searchBoth(title, { name, records }, children) {
  const contenders = searches.flatMap((what) =>
    Object.entries(children).map(([which, child]) => ({
      name: `${what}, ${which}`,
      measure: async () => (await child.ask({ task: 'list', what })).elapsedMs,
    })),
  );
  const took = await playRounds(`${title}, searching`, contenders, searchRounds);
  return searches.map((what) => {
    const { median, min, max } = ratioOf(took, `${what}, without`, `${what}, with`);
    const [p50Ms, baselineP50Ms] = ['with', 'without'].map(
      (which) => spreadOf(took.get(`${what}, ${which}`) ?? []).median,
    );
    const metric = `list: ${what} of ${records}, times as quick`;
    return { name, metric, ratio: median, min, max, rounds: searchRounds, baseline: 'without', p50Ms, baselineP50Ms };
  });
}

/**
 * @param {string} title
 * @param {{ name: string, records: number }} about
 * @param {Children} children
 * @param {{ rounds: number, roundMs: number }} effort
 * @returns {Promise<Figure[]>}
 */
async function claimBoth(title, { name, records }, children, { rounds, roundMs }) {
  const contenders = concurrencies.flatMap((concurrency) =>
    Object.entries(children).map(([which, child]) => ({
      name: `pairs at ${concurrency}, ${which}`,
      async measure() {
        const { count, elapsedMs } = await child.ask({ task: 'pairs', concurrency, durationMs: roundMs });
        return (count / elapsedMs) * 1000;
      },
    })),
  );
  const rates = await playRounds(`${title}, claiming`, contenders, rounds);
  return concurrencies.map((concurrency) => {
    const [ours, theirs] = [`pairs at ${concurrency}, with`, `pairs at ${concurrency}, without`];
    const { median, min, max } = ratioOf(rates, ours, theirs);
    const [rate, baselineRate] = [ours, theirs].map((each) => spreadOf(rates.get(each) ?? []).median);
    const metric = `pairs at ${concurrency} beside ${records}`;
    return { name, metric, ratio: median, min, max, rounds, baseline: 'without', rate, baselineRate };
  });
}
