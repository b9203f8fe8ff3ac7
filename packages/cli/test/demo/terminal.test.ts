/** The demo's words on paper: plain where nobody looks, within the terminal's width, and honest about what failed. */
import { expect, test } from 'vitest';
import { expectEqual, jsonNarrator, type ActReport } from '../../src/demo/narrator.ts';
import { terminalNarrator } from '../../src/demo/terminal.ts';

const held: ActReport = {
  act: 'storm',
  title: 'A storm of 200 duplicates',
  orders: 1,
  requests: 200,
  charges: 1,
  facts: { first: 1 },
  expectations: [expectEqual('one charge', 1, 1)],
};
const broken: ActReport = { ...held, expectations: [expectEqual('one charge', 2, 1)] };

function written(
  live: boolean,
  columns: number,
): { text: () => string; narrator: ReturnType<typeof terminalNarrator> } {
  const parts: string[] = [];
  const narrator = terminalNarrator({ write: (part) => parts.push(part), live, columns });
  return { text: () => parts.join(''), narrator };
}

test('piped, there is no escape sequence and no live line', () => {
  const { text, narrator } = written(false, 80);
  const meter = narrator.meter();
  meter.at(0.5, 'half');
  meter.end();
  narrator.act(1, 'Title', 'Story.');
  narrator.exchange('order-1', null);
  narrator.report(held);
  narrator.summary([held]);
  expect(text()).not.toContain('\u001b');
  expect(text()).not.toContain('\r');
  expect(text()).toContain('✓ one charge');
});

test.each([80, 100, 120])('at %i columns no line is longer, and none than 100', (columns) => {
  const { text, narrator } = written(false, columns);
  narrator.act(1, 'Title', 'A story of many words that has to be broken at the width of the terminal. '.repeat(5));
  narrator.exchange('order-1001, 42.00 EUR', {
    status: 201,
    replayed: true,
    body: '',
    chargeId: 'ch_0001',
    code: null,
  });
  narrator.chart([
    { label: 'first answer', count: 1 },
    { label: 'told: in progress', count: 1999 },
  ]);
  narrator.summary([held]);
  narrator.staying('http://127.0.0.1:65535', 'Bearer till-7');
  const longest = Math.max(
    ...text()
      .split('\n')
      .map((line) => line.length),
  );
  expect(longest).toBeLessThanOrEqual(Math.min(columns, 100));
});

test('an expectation that did not hold is named, with what was seen', () => {
  const { text, narrator } = written(false, 80);
  narrator.report(broken);
  narrator.summary([held, broken]);
  expect(text()).toContain('✗ one charge (saw 2)');
  expect(text()).toContain('A storm of 200 duplicates: expected one charge, saw 2');
  expect(text()).not.toContain('Every order');
});

test('as JSON every act and the summary are one line each', () => {
  const lines: string[] = [];
  const narrator = jsonNarrator((line) => lines.push(line));
  narrator.report(broken);
  narrator.summary([held, broken]);
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { ...broken, held: false },
    { act: 'summary', orders: 2, requests: 400, charges: 2, held: false },
  ]);
});
