/**
 * Every entry keeps the HTTP contract. What an entry cannot show is said here with its
 * reason, and what it does instead is asserted beside its own tests.
 */
import { describe, expect, test } from 'vitest';
import { httpContract, type HttpContractOptions, type OpenApp } from '../../src/testing/index.ts';
import { openExpress, openExpress4 } from './apps/express.ts';
import { openFastify, openFastify4 } from './apps/fastify.ts';
import { openFetch } from './apps/fetch.ts';
import { openHono } from './apps/hono.ts';
import { openKoa } from './apps/koa.ts';
import { openNode } from './apps/node.ts';

const lateHead = {
  'stream-head-first': 'Fastify sends the head of a stream with its first chunk, protected or not',
};
const unframed205 = 'Koa ends a 205 by closing the connection, protected or not';
const noParser = { 'body-parser': 'there is none in front of a plain handler' };

const entries: readonly (readonly [string, OpenApp, HttpContractOptions])[] = [
  ['node', openNode, { lacks: noParser }],
  ['Express 5', openExpress, {}],
  ['Express 4', openExpress4, {}],
  ['Fastify 5', openFastify, { except: lateHead }],
  ['Fastify 4', openFastify4, { except: lateHead }],
  ['Koa', openKoa, { except: { 'status-205-stored': unframed205, 'body-none-205': unframed205 } }],
  ['Hono', openHono, {}],
  ['fetch', openFetch, { lacks: noParser }],
];

describe.each(entries)('%s', (_, open, options) => {
  const cases = httpContract(open, options);
  test.concurrent.for(cases)('$id: $name', async ({ run, skip }) => {
    expect((await run()).kind).toBe(skip === undefined ? 'passed' : 'skipped');
  });
});
