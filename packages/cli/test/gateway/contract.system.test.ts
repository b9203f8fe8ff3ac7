/**
 * The gateway keeps the HTTP contract, over every store that it can open. A store is one
 * line here: its name, the URL for a case, and where it is to be had at all.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { httpContract } from 'oncekey/testing';
import { afterAll, describe, expect, test } from 'vitest';
import { openBehindGateway } from '../support/app.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-gateway-'));
afterAll(() => rmSync(folder, { recursive: true }));
let files = 0;

const stores: readonly (readonly [name: string, url: () => string])[] = [
  ['memory', () => 'memory:'],
  ['sqlite', () => `sqlite:${join(folder, `${++files}.db`)}`],
];

const lacks = {
  'body-parser': 'a gateway has none',
  nesting: 'a gateway does not ask itself',
  work: 'the work runs in another process',
};

const except = {
  'request-upgrade-passes':
    'without Connection: upgrade it asks for no other protocol; tunnels have tests of their own',
};

describe.each(stores)('%s', (_, url) => {
  const cases = httpContract(openBehindGateway(url), { lacks, except });
  test.concurrent.for(cases)('$id: $name', async ({ run, skip }) => {
    expect((await run()).kind).toBe(skip === undefined ? 'passed' : 'skipped');
  });
});
