/** The keyed fetch and the outbox on every runtime: repeats with one key and the same bytes, entries in order. */
import assert from 'node:assert/strict';
import { idempotentFetch } from '../../../src/client/index.ts';
import { createOutbox, memoryStorage } from '../../../src/client/outbox/index.ts';
import type { SuiteCase } from './suite.ts';

interface Seen {
  readonly url: string;
  readonly key: string | null;
  readonly body: string;
}

/** A server whose first answers are lost; it notes what it is asked. */
function server(lost: number) {
  const seen: Seen[] = [];
  let left = lost;
  const fetch = async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init);
    seen.push({ url: request.url, key: request.headers.get('idempotency-key'), body: await request.text() });
    left -= 1;
    if (left >= 0) throw new TypeError('the reply was lost');
    return Response.json({ id: `made-${seen.length}` }, { status: 201 });
  };
  return { seen, fetch };
}

export const clientCases: readonly SuiteCase[] = [
  {
    id: 'client-repeats-with-one-key',
    async run() {
      const { seen, fetch } = server(1);
      const send = idempotentFetch({ fetch, attemptTimeoutMs: 5000 });
      const response = await send('https://api.example/orders', { method: 'POST', body: '{"amount":1}' });
      assert.equal(response.status, 201);
      assert.equal(response.idempotency?.attempts, 2);
      assert.equal(seen.length, 2);
      assert.deepEqual(seen[0], seen[1]);
      assert.match(seen[0]?.key ?? '', /^".+"$/);
    },
  },
  {
    id: 'outbox-sends-in-order',
    async run() {
      const { seen, fetch } = server(0);
      const outbox = createOutbox({ storage: memoryStorage(), fetch });
      for (const name of ['one', 'two', 'three']) {
        await outbox.add({ method: 'POST', url: `https://api.example/${name}`, json: { name } });
      }
      await outbox.drained();
      await outbox.close();
      assert.deepEqual(
        seen.map(({ url }) => url.split('/').at(-1)),
        ['one', 'two', 'three'],
      );
      assert.equal(new Set(seen.map(({ key }) => key)).size, 3);
    },
  },
];
