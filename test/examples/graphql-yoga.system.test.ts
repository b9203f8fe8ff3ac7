/** Drives examples/graphql-yoga: a mutation takes effect once for its key, and one that did nothing may try again. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stageExample, startProgram } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();

test('a mutation takes effect once for its key', async () => {
  const staged = await stageExample('graphql-yoga', 'yoga', folder);
  const { said } = await startProgram(join(staged, 'server.js'), { PORT: '0' }, folder);
  const send = async (
    query: string,
    key?: string,
  ): Promise<{ marker: string | null; data: unknown; errors?: unknown }> => {
    const answer = await fetch(said['url'] ?? '', {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        authorization: 'acme',
        ...(key === undefined ? {} : { 'idempotency-key': key }),
      },
      body: JSON.stringify({ query }),
    });
    const body = (await answer.json()) as { data: unknown; errors?: unknown };
    return { marker: answer.headers.get('idempotent-replayed'), ...body };
  };

  const mutation = 'mutation { charge(amount: 42) { id amount } }';
  const first = await send(mutation, 'order-17');
  expect(first).toEqual({ marker: null, data: { charge: { id: 'ch_1', amount: 42 } } });
  expect(await send(mutation, 'order-17')).toEqual({ ...first, marker: 'true' });
  expect(await send(mutation, 'order-18')).toMatchObject({ data: { charge: { id: 'ch_2' } } });
  expect(await send('query { charges { id } }')).toMatchObject({ data: { charges: [{ id: 'ch_1' }, { id: 'ch_2' }] } });

  expect(await send('mutation { order }', 'order-19')).toMatchObject({ errors: [{ message: 'out of stock' }] });
  expect(await send('mutation { order }', 'order-19')).toEqual({ marker: null, data: { order: 1 } });
  expect(await send('mutation { order }', 'order-19')).toEqual({ marker: 'true', data: { order: 1 } });
}, 600_000);
