/** NestJS keeps the HTTP contract on both of its platforms. */
import { beforeAll, describe, expect, test } from 'vitest';
import { httpContract, type HttpContractOptions, type OpenApp } from '../../src/testing/index.ts';
import { nest, openNestExpress, openNestFastify } from './apps/nest.ts';

const lateHead = {
  'stream-head-first': 'Fastify sends the head of a stream with its first chunk, protected or not',
};

const entries: readonly (readonly [string, OpenApp, HttpContractOptions])[] = [
  ['Nest on Express', openNestExpress, {}],
  ['Nest on Fastify', openNestFastify, { except: lateHead }],
];

// Installed on first use.
beforeAll(async () => {
  await nest('express');
}, 600_000);

describe.each(entries)('%s', (_, open, options) => {
  const cases = httpContract(open, options);
  test.concurrent.for(cases)('$id: $name', async ({ run, skip }) => {
    expect((await run()).kind).toBe(skip === undefined ? 'passed' : 'skipped');
  });
});
