/**
 * Interleaved rounds: every contender is measured once a round, one after the other, so
 * that a slow minute of the machine slows all of them. A ratio is taken round by round
 * against the baseline of the same round; figures are medians of these.
 */
import { progress } from './progress.js';

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {() => Promise<number>} measure One round: a rate, higher is better.
 *
 * @typedef {object} Spread
 * @property {number} median
 * @property {number} min
 * @property {number} max
 */

/**
 * Measures all contenders `rounds` times, after two rounds that do not count: it takes V8 seconds to make code fast.
 * @param {string} title
 * @param {readonly Contender[]} contenders
 * @param {number} rounds
 * @returns {Promise<Map<string, number[]>>} Rates by name, one a round.
 */
export async function playRounds(title, contenders, rounds) {
  const bar = progress(title, (rounds + 2) * contenders.length);
  /** @type {Map<string, number[]>} */
  const rates = new Map(contenders.map(({ name }) => [name, []]));
  for (let round = -1; round <= rounds; round += 1) {
    for (const { name, measure } of contenders) {
      const rate = await measure();
      if (round > 0) rates.get(name)?.push(rate);
      bar.step(name);
    }
  }
  bar.end();
  return rates;
}

/**
 * Median, smallest and largest.
 * @param {readonly number[]} values
 * @returns {Spread}
 */
export function spreadOf(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const at = (/** @type {number} */ index) => sorted[index] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
  return { median, min: at(0), max: at(sorted.length - 1) };
}

/**
 * One contender against another, round by round.
 * @param {Map<string, number[]>} rates
 * @param {string} name
 * @param {string} baseline
 * @returns {Spread}
 */
export function ratioOf(rates, name, baseline) {
  const base = rates.get(baseline) ?? [];
  return spreadOf((rates.get(name) ?? []).map((rate, round) => rate / (base[round] ?? Number.NaN)));
}
