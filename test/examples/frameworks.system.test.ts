/** Drives the order service of each framework: repeated, misused, by two customers, and killed after its answer. */
import { expect, test } from 'vitest';
import { startExample } from '../support/program.ts';
import { scratch } from '../support/scratch.ts';

const folder = scratch();

test.each(['express', 'fastify', 'hono', 'koa', 'node', 'fetch'])('examples/%s books each order once', async (name) => {
  const environment = { PORT: '0', DATABASE: `${name}.db` };
  const program = await startExample(`${name}/server.js`, environment, folder);
  let { url } = program.said;
  const order = async (customer: string | null, item: string, key = 'order-17'): Promise<[number, string, boolean]> => {
    const headers = new Headers({ 'Idempotency-Key': key, 'Content-Type': 'application/json' });
    if (customer !== null) headers.set('Authorization', `Bearer ${customer}`);
    const answer = await fetch(`${url}/orders`, { method: 'POST', headers, body: JSON.stringify({ item }) });
    return [answer.status, await answer.text(), answer.headers.get('Idempotent-Replayed') === 'true'];
  };
  const books = async (): Promise<unknown> =>
    (await fetch(`${url}/orders`, { headers: { Authorization: 'Bearer ann' } })).json();

  const [status, body] = await order('ann', 'tea');
  expect([status, JSON.parse(body)]).toEqual([201, { id: 'order-1', customer: 'ann', item: 'tea' }]);
  expect(await order('ann', 'tea')).toEqual([201, body, true]);
  expect((await order('ann', 'coffee'))[0]).toBe(422);
  expect((await order(null, 'tea'))[0]).toBe(401);
  expect((await order('bob', 'tea'))[1]).toContain('order-2');
  expect(await books()).toHaveLength(2);

  // What was answered is known to the next process, though the books of this one are gone with it.
  await program.kill();
  ({ url } = (await startExample(`${name}/server.js`, environment, folder)).said);
  expect(await order('ann', 'tea')).toEqual([201, body, true]);
  expect(await books()).toEqual([]);
});
