/**
 * Calls and types that shipped code does without, each with what to use instead. The
 * clock is the only place that knows time; a command line's process files may wait. To
 * yield (setImmediate, scheduler.yield) is free: no time is named. So are comments and
 * strings: the rule reads the syntax tree.
 */
import type { Breach, Source, SyntaxNode } from './source.ts';
import { isNode, lineAt, nodesOf } from './source.ts';

const clockFile = 'packages/oncekey/src/core/clock.ts';
const clockOnly: ReadonlyMap<string, string> = new Map([
  ['Date.now', 'clock.nowMs()'],
  ['new Date', 'the clock, or a number of milliseconds'],
  ['Math.random', 'node:crypto, or a seed that is passed in'],
  ['performance.now', 'clock.monotonicMs()'],
  ['setTimeout', 'clock.after()'],
  ['setInterval', 'clock.after()'],
  ['scheduler.wait', 'clock.after()'],
]);
/** `path use`, and why it may stay; an excuse that nobody needs any more must go. */
export const excused: Readonly<Record<string, string>> = {
  'packages/oncekey/src/client/clock.ts Date.now': 'the clock of the client, which imports nothing of the engine',
  'packages/oncekey/src/client/clock.ts performance.now': 'as above',
  'packages/oncekey/src/client/clock.ts setTimeout': 'as above',
  'packages/oncekey/src/stores/sqlite/queue.ts scheduler.wait':
    'a retry of a busy file must go on while an injected clock stands still, and must keep the process alive',
  'packages/oncekey/src/testing/contract/case.ts scheduler.wait':
    'a store on another machine judges by its own clock, which cannot be injected, only waited for',
};

const nowhere: ReadonlyMap<string, string> = new Map([
  ['console', 'onEvent, or process.stdout in the command line'],
  ['any', 'unknown'],
  ['error.name ===', 'IdempotencyError.is(error, code)'],
  ['@ts-ignore', 'a type that is true'],
  ['FIXME', 'mend it'],
]);

/** Uses of what is banned, but for the excused ones. */
export function bannedUses(sources: readonly Source[], excuses: Readonly<Record<string, string>> = excused): Breach[] {
  return sources.flatMap((source) => {
    const uses = [...nodesOf(source.program)].map((node) => ({ use: useOf(node), start: node.start }));
    for (const { value, start } of source.comments) uses.push({ use: markIn(value), start });
    return uses.flatMap(({ use, start }) => {
      const instead = insteadOf(source.path, use);
      if (instead === undefined || `${source.path} ${use}` in excuses) return [];
      return [{ path: source.path, line: lineAt(source.text, start), message: `${use}: use ${instead}` }];
    });
  });
}

function insteadOf(path: string, use: string): string | undefined {
  const knowsTime = path === clockFile || path.startsWith('packages/cli/src/');
  return nowhere.get(use) ?? (knowsTime ? undefined : clockOnly.get(use));
}

function markIn(comment: string): string {
  if (/@ts-(ignore|nocheck)/.test(comment)) return '@ts-ignore';
  return /\b(TODO|FIXME|XXX|HACK)\b/.test(comment) ? 'FIXME' : '';
}

/** What a node uses, as it is named above; empty for nothing of interest. */
function useOf(node: SyntaxNode): string {
  switch (node.type) {
    case 'TSAnyKeyword':
      return 'any';
    case 'NewExpression':
      return `new ${text(node['callee'])}`;
    case 'CallExpression':
      return isNode(node['callee']) && node['callee'].type === 'Identifier' ? text(node['callee']) : '';
    case 'MemberExpression':
      return text(node['object']) === 'console' ? 'console' : text(node).replace(/^globalThis\./, '');
    case 'ImportSpecifier':
      return text(node['imported']);
    case 'BinaryExpression':
      return comparesName(node) ? 'error.name ===' : '';
    default:
      return '';
  }
}

const comparisons = new Set(['===', '!==', '==', '!=']);

function comparesName(node: SyntaxNode): boolean {
  if (!comparisons.has(String(node['operator']))) return false;
  return [node['left'], node['right']].some((side) => /^(\w*[eE]rror|err|e|cause|reason)\.name$/.test(text(side)));
}

/** `a.b` of plain names; empty for anything else. */
function text(node: unknown): string {
  if (!isNode(node)) return '';
  if (node.type === 'Identifier') return String(node['name']);
  if (node.type !== 'MemberExpression' || node['computed'] === true) return '';
  return `${text(node['object'])}.${text(node['property'])}`;
}
