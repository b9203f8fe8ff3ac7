/**
 * `npm run bench -- [NAME …] [--json] [--quick]`: measures ratios beside a baseline in the
 * same minutes, on standard output; progress goes to standard error. Figures are told, not
 * asserted: a missed goal does not change the exit code. `--only PART` (repeatable) and
 * `--records N` are for `growth` and `indexes`: a part of them, and how many records.
 */
import { parseArgs } from 'node:util';

import { atomic } from './atomic.js';
import { client } from './client.js';
import { gateway } from './gateway.js';
import { writeFigures } from './harness/report.js';
import { growth } from './growth.js';
import { httpMemory } from './http-memory.js';
import { httpPostgres } from './http-postgres.js';
import { httpRedis } from './http-redis.js';
import { httpTiered } from './http-tiered.js';
import { indexes } from './indexes.js';
import { jobs } from './jobs.js';
import { mysql } from './mysql.js';
import { peersRedis } from './peers-redis.js';
import { postgres } from './postgres.js';
import { redis } from './redis.js';
import { sqlite } from './sqlite.js';

const benchmarks = new Map([
  ['http-memory', httpMemory],
  ['client', client],
  ['gateway', gateway],
  ['sqlite', sqlite],
  ['mysql', mysql],
  ['atomic', atomic],
  ['redis', redis],
  ['http-redis', httpRedis],
  ['http-postgres', httpPostgres],
  ['http-tiered', httpTiered],
  ['peers-redis', peersRedis],
  ['jobs', jobs],
  ['postgres', postgres],
  ['growth', growth],
  ['indexes', indexes],
]);

const options = /** @type {const} */ ({
  json: { type: 'boolean' },
  quick: { type: 'boolean' },
  only: { type: 'string', multiple: true },
  records: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
});
const usage = `usage: npm run bench -- [NAME …] [--json] [--quick] [--only PART] [--records N]
names: ${[...benchmarks.keys()].join(', ')} (default: all)
example: npm run bench -- atomic jobs --quick
`;

/**
 * @typedef {object} Asked
 * @property {readonly string[]} names
 * @property {boolean} json
 * @property {boolean} quick
 * @property {{ only?: readonly string[], records?: number }} part
 */

/** @returns {Asked | string | undefined} What was asked for, or what is wrong with it; undefined: help. */
function askedFor() {
  try {
    const { values, positionals } = parseArgs({ options, allowPositionals: true });
    if (values.help === true) return undefined;
    const unknown = positionals.filter((name) => !benchmarks.has(name));
    if (unknown.length > 0) return `no benchmark is named ${unknown.join(', ')}`;
    const names = positionals.length > 0 ? positionals : [...benchmarks.keys()];
    const records = values.records === undefined ? {} : { records: Number(values.records) };
    if (values.records !== undefined && !(Number(values.records) > 0)) return '--records takes a number';
    const part = { ...records, ...(values.only === undefined ? {} : { only: values.only }) };
    return { names, json: values.json === true, quick: values.quick === true, part };
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
}

const asked = askedFor();
if (asked === undefined) process.stdout.write(usage);
else if (typeof asked === 'string') {
  process.stderr.write(`bench: ${asked}\n${usage}`);
  process.exitCode = 2;
} else {
  for (const name of asked.names) {
    const figures = (await benchmarks.get(name)?.(asked.quick, asked.part)) ?? [];
    writeFigures(figures, asked.json);
  }
}
