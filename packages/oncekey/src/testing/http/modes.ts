/** The HTTP contract of observing: for a careful roll-out nothing is ever refused, replayed or changed. */
import assert from 'node:assert/strict';
import type { Store } from '../../core/store.ts';
import { bytesOf, gate, pause, pieces, ran, type HttpCaseDefinition } from './case.ts';

const observe = { mode: 'observe', maxRequestBytes: 100 } as const;

/** Cases of `mode: 'observe'`. */
export const modeCases: readonly HttpCaseDefinition[] = [
  {
    id: 'observe-never-refuses',
    name: 'repeats, conflicts, unusable keys and large bodies all run',
    async run(t) {
      const app = await t.app(({ body }) => ({ body: bytesOf(String(body.length)) }), { options: observe });
      for (const sent of [
        { body: 'a' },
        { body: 'a' },
        { body: 'bb' },
        { key: 'bad key' },
        { body: 'x'.repeat(200) },
      ]) {
        const reply = await app.ask(sent);
        ran(reply);
        assert.deepEqual([reply.status, reply.body.toString()], [200, String(sent.body?.length ?? 0)]);
      }
      assert.equal(app.runs(), 5);
    },
  },
  {
    id: 'observe-in-flight',
    name: 'a duplicate in flight runs too',
    async run(t) {
      const held = gate();
      const app = await t.app(
        async () => {
          if (app.runs() === 1) await held.opened;
          return {};
        },
        { options: observe },
      );
      const first = app.ask();
      while (app.runs() === 0) await pause(2);
      assert.equal((await app.ask()).status, 200);
      held.open();
      assert.equal((await first).status, 200);
    },
  },
  {
    id: 'observe-store-down',
    name: 'a store that is down is not felt',
    needs: ['store'],
    async run(t) {
      const store = (inner: Store): Store => ({
        ...inner,
        claim: () => Promise.reject(new Error('part of the contract')),
      });
      const app = await t.app(() => ({ body: pieces(['a', 'b']) }), { store, options: observe });
      assert.equal((await app.ask()).body.toString(), 'ab');
    },
  },
  {
    id: 'observe-holds-nothing',
    name: 'an answer does not wait for its record',
    needs: ['store'],
    async run(t) {
      const store = (inner: Store): Store => ({ ...inner, complete: () => new Promise(() => undefined) });
      const app = await t.app({ body: bytesOf('now') }, { store, options: { ...observe, storeTimeoutMs: 60_000 } });
      assert.equal((await app.ask()).body.toString(), 'now');
    },
  },
];
