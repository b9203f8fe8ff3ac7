/**
 * Holds shipped code to the house rules (names, sizes, banned calls, documentation),
 * and each rule to examples that break it.
 */
import { describe, expect, test } from 'vitest';
import { bannedUses, excused } from './banned.ts';
import { headerless, undocumentedExports } from './documented.ts';
import { accepted, limits, linesOf, tooLong } from './size.ts';
import type { Breach, Source } from './source.ts';
import { parseSource, shippedSources, sourcesUnder, told } from './source.ts';
import { bleeds, glossaryBreaches, wordsOf } from './words.ts';

const shipped = shippedSources();
const tools = sourcesUnder('tools');
const core = 'packages/oncekey/src/core/example.ts';
const store = 'packages/oncekey/src/stores/example.ts';

type Rule = (sources: readonly Source[]) => Breach[];

const breaking: readonly (readonly [string, Rule, string, string])[] = [
  ['a protocol word', bleeds, core, 'export const httpStatus = 1;'],
  ['a database word', bleeds, core, 'export function f(sqlText: string): void {}'],
  ['a client word', bleeds, core, "import { redis } from './x.ts';"],
  ['lock', glossaryBreaches, store, 'export function lock(): void {}'],
  ['ttl in a member', glossaryBreaches, store, 'export interface Options { readonly ttlMs: number }'],
  ['cache hit', glossaryBreaches, core, 'export type CacheHit = 1;'],
  ['Date.now', bannedUses, store, 'export const at = Date.now();'],
  ['Date.now passed on', bannedUses, store, 'export const at = Date.now;'],
  ['new Date', bannedUses, store, 'export const at = new Date();'],
  ['Math.random', bannedUses, core, 'export const one = Math.random();'],
  ['setTimeout', bannedUses, core, 'setTimeout(() => {}, 1);'],
  ['globalThis.setTimeout', bannedUses, core, 'globalThis.setTimeout(() => {}, 1);'],
  ['timers by another door', bannedUses, store, "import { setTimeout as wait } from 'node:timers/promises';"],
  ['console', bannedUses, 'packages/cli/src/x.ts', "console.log('x');"],
  ['any', bannedUses, core, 'export const x: unknown = 1 as any;'],
  ['an error known by its name', bannedUses, core, "if (error.name === 'AbortError') throw error;"],
  ['a silenced type error', bannedUses, core, '// @ts-ignore\nexport const x = 1;'],
  ['what is left for later', bannedUses, core, `// ${'TO'}${'DO'} later\nexport const x = 1;`],
  ['an export without a word', undocumentedExports, core, 'export const x = 1;'],
  ['a word that is no sentence', undocumentedExports, core, '/** x */\nexport const x = 1;'],
  ['a comment that is no doc', undocumentedExports, core, '// The x of all.\nexport const x = 1;'],
  ['no header', headerless, core, 'export const x = 1;'],
  ['a header nobody reads', headerless, core, `/**${'\n *'.repeat(12)}*/`],
  ['a long file', tooLong, core, '\n'.repeat(limits.file + 1)],
  ['a long function', tooLong, core, `function f() {${'\n'.repeat(limits.function)}}`],
];

describe('house rules for code', () => {
  test.each([
    ['the core knows no protocol and no database', bleeds, shipped],
    ['exported names use the glossary', glossaryBreaches, shipped],
    ['nothing banned is used', bannedUses, shipped],
    ['every export has a doc sentence', undocumentedExports, shipped],
    ['every file opens with a header', headerless, [...shipped, ...tools]],
    ['files and functions stay short', tooLong, [...shipped, ...tools]],
  ] as const)('%s', (_name, rule, sources) => {
    expect(told(rule(sources))).toEqual([]);
  });

  test(`the whole core stays readable in one sitting: ${limits.core} lines`, () => {
    const lines = shipped.filter(({ path }) => path.startsWith('packages/oncekey/src/core/')).map(linesOf);
    expect(lines.reduce((sum, each) => sum + each, 0)).toBeLessThanOrEqual(limits.core);
  });

  test('what was accepted beyond a limit is still there and still needed', () => {
    const oneLess = Object.fromEntries(Object.entries(accepted).map(([name, lines]) => [name, lines - 1]));
    expect(tooLong([...shipped, ...tools], oneLess)).toHaveLength(Object.keys(accepted).length);
  });

  test('what was excused is still there', () => {
    const found = bannedUses(shipped, {}).map(({ path, message }) => `${path} ${message.split(':', 1)[0]}`);
    expect(Object.keys(excused).filter((excuse) => !found.includes(excuse))).toEqual([]);
  });

  test.each(breaking)('%s is noticed', (_name, rule, path, text) => {
    expect(rule([parseSource(path, text)])).not.toEqual([]);
  });

  test('the methods of a store count for themselves', () => {
    const method = `m() {${'\n'.repeat(limits.function - 1)}},\n`;
    expect(tooLong([parseSource(store, `function s() { return {\n${method.repeat(3)}}; }`)])).toEqual([]);
  });

  test('the clock may read the time, and nobody else', () => {
    const text = 'export const at = Date.now();';
    expect(bannedUses([parseSource('packages/oncekey/src/core/clock.ts', text)])).toEqual([]);
    expect(bannedUses([parseSource('packages/cli/src/demo.ts', text)])).toEqual([]);
  });

  test('names are read word by word', () => {
    expect(wordsOf('blockTTLMs')).toEqual(['block', 'ttl', 'ms']);
    expect(glossaryBreaches([parseSource(store, 'export const blocked = 1;')])).toEqual([]);
  });
});
