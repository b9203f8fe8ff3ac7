/**
 * Runs one of the programs under tools/: `node tools/run.js servers …`. They are TypeScript, which the
 * oldest Node that we support cannot run, so they are compiled first (into tools/dist, only what changed).
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const programs = new Map([
  ['servers', 'servers/run.js'],
  ['campaign', 'campaign/run.js'],
]);

const [name = '', ...args] = process.argv.slice(2);
const program = programs.get(name);
if (program === undefined) {
  process.stderr.write(`usage: node tools/run.js PROGRAM …\nprograms: ${[...programs.keys()].join(', ')}\n`);
  process.exit(2);
}
const compiler = fileURLToPath(new URL('../node_modules/.bin/tsc', import.meta.url));
const compiled = spawnSync(compiler, ['-p', here], { stdio: ['ignore', 'inherit', 'inherit'] });
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
process.argv.splice(1, process.argv.length - 1, program, ...args);
await import(new URL(`dist/${program}`, import.meta.url).href);
