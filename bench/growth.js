/**
 * Whether a store stays as quick as it was: the same load beside few and beside very many
 * finished records; the slowest pairs while a great number of expired records is removed by
 * the process that serves, or by the server; and PostgreSQL beside the same by hand from
 * empty tables on, which nobody ever analyses. Records are made through the store, and a
 * sample of them is read and replayed before anything is measured.
 *
 * A million records take a minute a store; `--only postgres-sweeping` runs one study, `--only
 * postgres` all that begin so, and `--records 100000` makes them shorter.
 */
import { besideHand } from './growth/beside-hand.js';
import { besideMany } from './growth/beside-many.js';
import { whileSweeping } from './growth/while-sweeping.js';

/**
 * @typedef {import('./harness/report.js').Figure} Figure
 * @typedef {import('./growth/children.js').Effort} Effort
 */

/** @type {ReadonlyMap<string, (effort: Effort) => Promise<Figure[]>>} */
const studies = new Map([
  ['sqlite-grown', (effort) => besideMany('sqlite', effort)],
  ['sqlite-sweeping', (effort) => whileSweeping('sqlite', effort)],
  ['redis-grown', (effort) => besideMany('redis', effort)],
  ['redis-sweeping', (effort) => whileSweeping('redis', effort)],
  ['redis-hz-100-sweeping', (effort) => whileSweeping('redis-hz-100', effort)],
  ['postgres-grown', (effort) => besideMany('postgres', effort)],
  ['postgres-sweeping', (effort) => whileSweeping('postgres', effort)],
  ['postgres-by-hand', (effort) => besideHand(effort)],
]);

/**
 * @param {boolean} quick With a tenth of the records, and shorter rounds.
 * @param {{ only?: readonly string[], records?: number, quietly?: Effort['quietly'] }} [asked]
 * @returns {Promise<Figure[]>}
 */
export async function growth(
  quick,
  { only = [], records = quick ? 100_000 : 1_000_000, quietly = (act) => act() } = {},
) {
  const chosen = [...studies].filter(([name]) => only.length === 0 || only.some((start) => name.startsWith(start)));
  /** @type {Figure[]} */
  const figures = [];
  for (const [, study] of chosen) figures.push(...(await study({ quick, records, quietly })));
  return figures;
}
