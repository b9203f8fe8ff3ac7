/**
 * Holds documents to the code they speak of: error codes and headings, version and
 * changelog, the state table, the one command line of README and continuous
 * integration; and text in general to the rules of prose.ts.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { IdempotencyError } from '../../packages/oncekey/src/core/errors.ts';
import { adviceByCode, type ProblemCode } from '../../packages/oncekey/src/protocol.ts';
import { exportedDeclarations } from './documented.ts';
import type { Page } from './prose.ts';
import { blocksOf, headingsOf, machineTraces, unnamedFences } from './prose.ts';
import type { SyntaxNode } from './source.ts';
import {
  filesUnder,
  isNode,
  nodesOf,
  parseSource,
  root,
  shippedSources,
  sourcesUnder,
  textOf,
  told,
} from './source.ts';

const pageOf = (path: string): Page => ({ path, text: textOf(path) });
const textual = /(\.(ts|js|mjs|json|md|sh|yml|yaml|html|css|sql|txt)|\.ci\/run|LICENSE|\.gitignore|rc)$/;
const pages = filesUnder()
  .filter((path) => path.endsWith('.md'))
  .map(pageOf);
const texts = filesUnder()
  .filter((path) => textual.test(path) && path !== 'package-lock.json')
  .map(pageOf);

describe('text', () => {
  test('every fenced block names its language', () => {
    expect(told(unnamedFences(pages))).toEqual([]);
    expect(unnamedFences([{ path: 'x.md', text: '```\nx\n```\n' }])).toHaveLength(1);
    expect(unnamedFences([{ path: 'x.md', text: '```ts\nx\n```\n\n~~~~sh\n```\n~~~~\n' }])).toEqual([]);
  });

  test('nothing tells of one machine', () => {
    expect(told(machineTraces(texts))).toEqual([]);
    const examples = [`cd ${'/wo'}rk/main`, `${'/ro'}ot/x`, `${'/ho'}me/ann/x`, `https://${'registry.'}npmjs.org/x`];
    expect(examples.filter((text) => machineTraces([{ path: 'x', text }]).length === 0)).toEqual([]);
  });
});

describe('docs/reference/errors.md', () => {
  const headings = headingsOf(textOf('docs/reference/errors.md'), 3);

  test('has one heading for each code, and none without a code', () => {
    expect(headings.toSorted()).toEqual([...errorCodes(), ...Object.keys(adviceByCode)].toSorted());
  });

  test('has no code that nobody throws', () => {
    const sources = shippedSources().filter(({ path }) => path !== 'packages/oncekey/src/core/errors.ts');
    const used = (code: string): boolean => sources.some(({ text }) => text.includes(`'${code}'`));
    expect(errorCodes().filter((code) => !used(code))).toEqual([]);
  });

  test('tells of each what happened, what to do and whether to retry', () => {
    const sections = textOf('docs/reference/errors.md').split(/^### /m).slice(1);
    const lacking = sections.filter(
      (section) => !['**What happened.**', '**What to do.**', '**Retryable.**'].every((part) => section.includes(part)),
    );
    expect(lacking.map((section) => section.split('\n')[0])).toEqual([]);
  });

  test('says of each code whether to retry as the code itself does', () => {
    const text = textOf('docs/reference/errors.md');
    const told = [...text.matchAll(/^### `(\w+)`$[^#]*^\*\*Retryable\.\*\* (Yes|No)/gm)];
    const retryable = (code: string): boolean =>
      code in adviceByCode
        ? adviceByCode[code as ProblemCode] === 'retry-same-key'
        : new IdempotencyError(code as 'key_missing', '', { field: '' }).retryable;
    expect(told.map(([, code = '', word]) => [code, word])).toEqual(
      headings.map((code) => [code, retryable(code) ? 'Yes' : 'No']),
    );
  });
});

describe('the documents', () => {
  const { version } = JSON.parse(textOf('package.json')) as { version: string };

  test('CHANGELOG has Unreleased on top or the current version', () => {
    const [first, second] = headingsOf(textOf('CHANGELOG.md'), 2);
    expect(first).toBe('[Unreleased]');
    expect(textOf('CHANGELOG.md')).toContain(version);
    expect(second === undefined || /^\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d$/.test(second)).toBe(true);
  });

  test('decisions are numbered without gaps and fit one page', () => {
    const decisions = filesUnder('docs/decisions');
    const numbers = decisions.map((path) => Number(/\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]));
    expect(numbers).toEqual(numbers.map((_, index) => index + 1));
    const lines = decisions.map((path) => [path, textOf(path).trimEnd().split('\n').length] as const);
    expect(lines.filter(([, count]) => count > 40)).toEqual([]);
    const parts = ['Context', 'Decision', 'Consequences'];
    expect(decisions.filter((path) => headingsOf(textOf(path), 2).join() !== parts.join())).toEqual([]);
  });

  test('links between documents lead somewhere', () => {
    const dead = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g)]
        .map(([, target = '']) => join(path, '..', target))
        .filter((target) => !existsSync(join(root, target)))
        .map((target) => `${path} → ${target}`),
    );
    expect(dead).toEqual([]);
  });

  test('tests that are cited exist', () => {
    const cited = pages.flatMap(({ path, text }) =>
      [...text.matchAll(/`([\w/.-]+\.ts)` › "([^"]+)"/g)].map(([, file = '', title = '']) => ({ path, file, title })),
    );
    const gone = cited.filter(({ file, title }) => !existsSync(join(root, file)) || !textOf(file).includes(title));
    expect(gone).toEqual([]);
    expect(cited.map(({ path }) => path)).toContain('docs/concepts/promises.md');
  });

  test('the test command of .ci/run is the one of the README', () => {
    const command = 'npm ci && npm test';
    expect(textOf('.ci/run').split('\n')).toContain(command);
    if (!existsSync(join(root, 'README.md'))) return;
    const lines = blocksOf(pageOf('README.md')).flatMap(({ text }) => text.split('\n').map((line) => line.trim()));
    expect(lines.filter((line) => line.replace(/ +#.*$/, '') === command)).toHaveLength(1);
  });
});

describe('ARCHITECTURE.md', () => {
  const text = textOf('ARCHITECTURE.md');

  test('names each invariant once', () => {
    const named = [...text.matchAll(/^- \*\*(I\d+)\*\* /gm)].map(([, name]) => name);
    expect(named).toEqual(Array.from({ length: 17 }, (_, index) => `I${index + 1}`));
  });

  test('its state table has a row for each state of a record, and for none', () => {
    const rows = [...text.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, state = '']) => state);
    expect(rows.toSorted()).toEqual(
      ['absent', ...literalsOf('packages/oncekey/src/core/store.ts', 'RecordState')].toSorted(),
    );
  });

  test('its map has a row for each folder of the library', () => {
    const folders = sourcesUnder('packages/oncekey/src').flatMap(({ path }) => /src\/(\w+)\//.exec(path)?.[1] ?? []);
    expect([...new Set(folders)].filter((folder) => !text.includes(`\`${folder}/\``))).toEqual([]);
  });
});

/** Codes of IdempotencyError: the members of ErrorDetails. */
function errorCodes(): string[] {
  const body = declaration('packages/oncekey/src/core/errors.ts', 'ErrorDetails')['body'];
  if (!isNode(body)) return [];
  return (body['body'] as SyntaxNode[]).map(({ key }) => String((key as SyntaxNode)['name']));
}

/** The string literals of an exported union type. */
function literalsOf(path: string, name: string): string[] {
  return [...nodesOf(declaration(path, name))].flatMap(({ type, value }) =>
    type === 'Literal' && typeof value === 'string' ? [value] : [],
  );
}

function declaration(path: string, name: string): SyntaxNode {
  const found = exportedDeclarations(parseSource(path, textOf(path))).find((each) => each.name === name);
  if (found === undefined) throw new Error(`${path} exports no ${name}`);
  return found.node;
}
