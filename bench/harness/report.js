/**
 * How figures are told: one JSON line each, or a table for people. A figure is a ratio to
 * a baseline where it has one, else an amount in its unit; a goal is reached or missed.
 */

/**
 * @typedef {object} Figure
 * @property {string} name Of the benchmark, such as `node-memory`.
 * @property {string} metric Such as `first`.
 * @property {number} [ratio] To the baseline; median over the rounds.
 * @property {number} [value] Where there is no baseline.
 * @property {string} [unit] Of `value`.
 * @property {number} min
 * @property {number} max
 * @property {number} rounds
 * @property {string} [baseline]
 * @property {number} [rate] Per second, median.
 * @property {number} [baselineRate]
 * @property {number} [cpuUs] Processor time of the process that was measured, a request, median.
 * @property {number} [baselineCpuUs]
 * @property {number} [serverCpuUs] Of the database server, for the same.
 * @property {number} [baselineServerCpuUs]
 * @property {number} [p50Ms] How long one took, median over the rounds.
 * @property {number} [p99Ms]
 * @property {number} [baselineP50Ms]
 * @property {number} [baselineP99Ms]
 * @property {number} [goal]
 * @property {'higher' | 'lower'} [better]
 */

/**
 * Writes figures to standard output.
 * @param {readonly Figure[]} figures
 * @param {boolean} json
 */
export function writeFigures(figures, json) {
  if (json) for (const figure of figures) process.stdout.write(`${JSON.stringify(roundAll(figure))}\n`);
  else process.stdout.write(tableOf(figures));
}

/**
 * Whether the figure reaches its goal; without one it does.
 * @param {Figure} figure
 */
export function reached({ ratio, value, goal, better }) {
  const seen = ratio ?? value ?? Number.NaN;
  return goal === undefined || (better === 'lower' ? seen <= goal : seen >= goal);
}

/** @param {Figure} figure */
function roundAll(figure) {
  return Object.fromEntries(
    Object.entries(figure).map(([key, value]) => [key, typeof value === 'number' ? roundOne(value) : value]),
  );
}

/** @param {number} value */
function roundOne(value) {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/**
 * @param {readonly Figure[]} figures
 * @returns {string}
 */
function tableOf(figures) {
  const rows = [['', '', 'median', 'min – max', 'a second', 'CPU µs', 'baseline', 'a second', 'CPU µs', 'goal', '']];
  for (const figure of figures) {
    const { name, metric, min, max, baseline, rate, baselineRate, goal, better, unit } = figure;
    const suffix = unit === undefined ? '' : ` ${unit}`;
    const text = (/** @type {number | undefined} */ value) =>
      value === undefined || Number.isNaN(value) ? '' : String(roundOne(value));
    rows.push([
      name,
      metric,
      text(figure.ratio ?? figure.value) + suffix,
      min === max ? '' : `${text(min)} – ${text(max)}`,
      text(rate),
      text(figure.cpuUs),
      baseline ?? '',
      text(baselineRate),
      text(figure.baselineCpuUs),
      goal === undefined ? '' : `${better === 'lower' ? '≤' : '≥'} ${goal}`,
      goal === undefined ? '' : reached(figure) ? '✓' : '✗ missed',
    ]);
  }
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '));
  return `${lines.map((line) => line.trimEnd()).join('\n')}\n\n`;
}
