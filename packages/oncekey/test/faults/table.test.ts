/** The published table of faults says what the fault tests try: each cell with a promise is a case, and each case has its cell. */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { allStores, servedStores, sharedStores } from './stands.ts';

const lists = { allStores, servedStores, sharedStores } as const;
const root = new URL('../../../../', import.meta.url);
const textOf = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const page = textOf('docs/concepts/faults.md');
const [header = [], , ...rows] = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.slice(2, -2).split(' | '));
const cited = new Map([...page.matchAll(/^- (\d+): `([^`]+)` › "([^"]+)"/gm)].map(([, row, ...test]) => [row, test]));

test('the table has a column for each store', () => {
  expect(header.slice(2)).toEqual(allStores.map((name) => `\`${name}\``));
  expect(rows.length).toBeGreaterThan(0);
});

test.each(rows)(
  'row %s (%s): its cells are the cases of the test that it names',
  (number = '', _fault = '', ...cells) => {
    const [file = '', title = ''] = cited.get(number) ?? [];
    const text = textOf(file);
    expect(text).toContain(title);
    const [, list = ''] = /^forStores\((\w+),/m.exec(text) ?? [];
    const promised = allStores.filter((_, column) => cells[column] !== '–');
    expect(promised).toEqual(lists[list as keyof typeof lists]);
  },
);

test('no test is named for a row that is not there', () => {
  expect([...cited.keys()]).toEqual(rows.map(([number]) => number));
});
