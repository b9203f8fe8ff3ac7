/**
 * Which stores a test run covers. `STORES=memory,sqlite` selects; what is left out, or cannot run
 * here, is printed with the reason; `REQUIRE_STORES=all` (or a list) makes leaving one out a failure,
 * so that a green run on a build machine says what it seems to say.
 */
import { missing, programs } from './program.ts';

/** Stores in the order in which tables show them, with the servers each needs. */
export const storeNeeds = {
  memory: [],
  sqlite: [],
  'json-file': [],
  postgres: ['postgres'],
  mysql: ['mariadb'],
  redis: ['redis'],
  tiered: ['redis', 'postgres'],
} as const satisfies Record<string, readonly (keyof typeof programs)[]>;

/** A store that tests may cover. */
export type StoreName = keyof typeof storeNeeds;

/**
 * Why `name`, with what else a test of it needs, is not covered by this run, or undefined when it is. Throws when it is
 * required and would be left out.
 */
export function skipReason(name: StoreName, ...also: (keyof typeof programs)[]): string | undefined {
  const selected = listOf('STORES');
  const notSelected =
    selected === undefined || selected.has(name) ? undefined : `STORES=${process.env['STORES']} leaves it out`;
  const needs = [...storeNeeds[name], ...also];
  const absent = needs.map((server) => missing(programs[server])).find((reason) => reason !== undefined);
  const reason = notSelected ?? absent;
  const required = listOf('REQUIRE_STORES');
  if (reason !== undefined && (required?.has('all') === true || required?.has(name) === true)) {
    throw new Error(`${name} must be tested (REQUIRE_STORES=${process.env['REQUIRE_STORES']}), but ${reason}`);
  }
  return reason;
}

/** Those of `names` that this run covers; the others are printed with their reason. */
export function storesUnderTest<Name extends StoreName>(names: readonly Name[]): Name[] {
  return names.filter((name) => {
    const reason = skipReason(name);
    if (reason !== undefined) process.stderr.write(`${name} is not tested: ${reason}\n`);
    return reason === undefined;
  });
}

function listOf(variable: string): ReadonlySet<string> | undefined {
  const text = process.env[variable];
  if (text === undefined || text.trim() === '') return undefined;
  const names = new Set(text.split(',').map((name) => name.trim()));
  for (const name of names) {
    if (name !== 'all' && !(name in storeNeeds)) {
      throw new Error(`${variable} names ${name}; there are ${Object.keys(storeNeeds).join(', ')}`);
    }
  }
  // `all` selects all, and requires all.
  return names.has('all') && variable === 'STORES' ? undefined : names;
}
