/**
 * `npm run campaign -- [NAME …] [--json] [--runs N] [--help]`: long fault campaigns, counted. Figures go to standard output,
 * progress and violations to standard error. Exit code 1 when a promise was broken, 2 for a wrong call. STORES selects.
 * Interrupted, it ends the rounds that run and tells what was counted; a second signal ends it at once.
 */
import { parseArgs } from 'node:util';
import { seedOfRun } from '../faults/seed.ts';
import { failover } from './failover.ts';
import { ledger } from './ledger.ts';
import { killedServers, killedWorkers, kills } from './kills.ts';
import type { CampaignAsk } from './measured.ts';
import { outbox } from './outbox.ts';
import { replay } from './replay.ts';
import { tell } from './report.ts';
import { steps } from './steps.ts';

const campaigns = new Map<string, (ask: CampaignAsk) => Promise<void>>([
  ['kills', kills],
  ['killed-workers', killedWorkers],
  ['killed-servers', killedServers],
  ['failover', failover],
  ['ledger', ledger],
  ['steps', steps],
  ['outbox', outbox],
  ['replay', replay],
]);
const defaultNames = ['kills', 'failover', 'outbox', 'replay'];
const defaultRuns = 500;
const usage = `usage: npm run campaign -- [NAME …] [--json] [--runs N]
names: ${[...campaigns.keys()].join(', ')} (default: ${defaultNames.join(', ')})
runs of each: from 1 (default: ${defaultRuns})
example: STORES=sqlite,postgres npm run campaign -- ledger steps --runs 200
`;

interface Asked {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly runs: number;
}

function askedFor(): Asked | 'help' {
  const help = { type: 'boolean', short: 'h' } as const;
  const options = { json: { type: 'boolean' }, runs: { type: 'string' }, help } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help === true) return 'help';
  const unknown = positionals.filter((name) => !campaigns.has(name));
  if (unknown.length > 0) throw new TypeError(`no campaign is named ${unknown.join(', ')}`);
  const runs = Number(values.runs ?? defaultRuns);
  if (!Number.isInteger(runs) || runs < 1)
    throw new TypeError(`--runs must be a whole number from 1, not ${values.runs}`);
  return { names: positionals.length > 0 ? positionals : defaultNames, json: values.json === true, runs };
}

function readAsk(): Asked | 'help' | undefined {
  try {
    return askedFor();
  } catch (error) {
    process.stderr.write(`campaign: ${(error as Error).message}\n${usage}`);
    return undefined;
  }
}

const asked = readAsk();
if (asked === undefined) process.exitCode = 2;
else if (asked === 'help') process.stdout.write(usage);
else {
  const seed = seedOfRun();
  // The library's timers keep no process alive; while every connection is cut, nothing else would.
  const alive = setInterval(() => {}, 60_000);
  const interrupted = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interrupted.abort());
  for (const name of asked.names) {
    await campaigns.get(name)?.({
      runs: asked.runs,
      seed,
      signal: interrupted.signal,
      tell(figure) {
        if (figure.tally.violations.length > 0) process.exitCode = 1;
        tell(figure, asked.json);
      },
    });
  }
  clearInterval(alive);
}
