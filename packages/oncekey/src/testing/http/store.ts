/** The HTTP contract of stores that fail (rule 13, I11): every call may, and it is never taken for something else, nor waited for without end. */
import assert from 'node:assert/strict';
import type { Store } from '../../core/store.ts';
import type { ProtocolOptions } from '../../http/options.ts';
import {
  bytesOf,
  pause,
  pieces,
  ran,
  refused,
  type App,
  type HttpCaseContext,
  type HttpCaseDefinition,
} from './case.ts';
import type { HttpReply, HttpWork } from './setup.ts';

// Long enough for a real store on a crowded machine: what is not broken has to answer.
const timeout = { storeTimeoutMs: 400 } as const;
const refuse = (): Promise<never> => Promise.reject(new Error('the store is down: part of the contract'));
const throwing = (): never => {
  throw new Error('the store is down: part of the contract');
};
const hang = (): Promise<never> => new Promise(() => undefined);
type Call = 'claim' | 'complete' | 'release';

/** An app over a store whose calls go wrong until the case is over: then what is still tried comes to its end. */
async function brokenApp(
  t: HttpCaseContext,
  call: Call,
  how: () => Promise<never> | never,
  work: HttpWork | HttpReply,
  options: ProtocolOptions,
): Promise<App> {
  let mended = false;
  const store = (inner: Store): Store => {
    const broken = (...given: never[]): unknown =>
      mended ? (inner[call] as (...given: never[]) => unknown)(...given) : how();
    return { ...inner, [call]: broken };
  };
  const app = await t.app(work, { store, options });
  t.atEnd(() => (mended = true));
  return app;
}

const faults: readonly (readonly [id: string, how: () => Promise<never>])[] = [
  ['rejects', refuse],
  ['throws', throwing],
  ['hangs', hang],
];

/** Cases of failing stores. */
export const storeCases: readonly HttpCaseDefinition[] = [
  ...faults.flatMap(([id, how]): HttpCaseDefinition[] => [
    {
      id: `store-claim-${id}`,
      name: `a claim that ${id}: refused, retryable, and nothing runs`,
      needs: ['store'],
      async run(t) {
        const app = await brokenApp(t, 'claim', how, {}, timeout);
        const reply = await app.ask();
        refused(reply, 503, 'idempotency_store_unavailable');
        assert.equal(reply.header('retry-after'), '1');
        assert.equal(app.runs(), 0);
      },
    },
    {
      id: `store-claim-${id}-passes`,
      name: `a claim that ${id}, opted in: runs and says so`,
      needs: ['store'],
      async run(t) {
        const options = { ...timeout, storeDown: 'pass' } as const;
        const app = await brokenApp(t, 'claim', how, { body: bytesOf('ran') }, options);
        const reply = await app.ask();
        assert.deepEqual(
          [reply.body.toString(), reply.header('idempotency-unprotected')],
          ['ran', 'store-unavailable'],
        );
        assert.equal(app.runs(), 1);
      },
    },
    {
      id: `store-complete-${id}`,
      name: `a completion that ${id}: the answer goes out after the store timeout`,
      needs: ['store'],
      async run(t) {
        const app = await brokenApp(t, 'complete', how, { body: bytesOf('ran') }, timeout);
        const reply = await app.ask();
        assert.deepEqual([reply.body.toString(), reply.whole], ['ran', true]);
      },
    },
    {
      id: `store-complete-${id}-breaks`,
      name: `a completion that ${id}, by choice: the connection breaks`,
      needs: ['store'],
      async run(t) {
        const options = { ...timeout, unrecorded: 'break' } as const;
        const body = (): AsyncIterable<Uint8Array> => pieces(['half ', 'whole'], () => pause(10));
        const app = await brokenApp(t, 'complete', how, () => ({ body: body() }), options);
        assert.equal((await app.ask()).whole, false);
      },
    },
    {
      id: `store-complete-${id}-breaks-whole`,
      name: `a completion that ${id}, by choice: an answer sent at once breaks too`,
      needs: ['store'],
      async run(t) {
        const options = { ...timeout, unrecorded: 'break' } as const;
        const app = await brokenApp(t, 'complete', how, { body: bytesOf('whole') }, options);
        const reply = await app.ask();
        assert.ok(!reply.whole || reply.status >= 500, 'the answer must not arrive');
        assert.ok(!reply.body.includes('whole'), 'nothing of it must arrive');
      },
    },
    {
      id: `store-release-${id}`,
      name: `a release that ${id}: the answer goes out`,
      needs: ['store'],
      async run(t) {
        const app = await brokenApp(t, 'release', how, { status: 503, body: bytesOf('busy') }, timeout);
        const reply = await app.ask();
        assert.deepEqual([reply.status, reply.body.toString()], [503, 'busy']);
      },
    },
  ]),
  {
    id: 'store-back-again',
    name: 'a store that was down and is back again protects as before',
    needs: ['store'],
    async run(t) {
      let down = true;
      const store = (inner: Store): Store => ({
        ...inner,
        claim: (ask) => (down ? throwing() : inner.claim(ask)),
      });
      const app = await t.app({}, { store });
      refused(await app.ask(), 503, 'idempotency_store_unavailable');
      down = false;
      ran(await app.ask());
      assert.equal((await app.ask()).header('idempotent-replayed'), 'true');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'store-slow',
    name: 'a store that answers late is waited for',
    needs: ['store'],
    async run(t) {
      const store = (inner: Store): Store => ({
        ...inner,
        claim: async (ask) => {
          await pause(20);
          return inner.claim(ask);
        },
        complete: async (ask) => {
          await pause(20);
          return inner.complete(ask);
        },
      });
      const app = await t.app({ status: 201 }, { store });
      assert.equal((await app.ask()).status, 201);
      assert.equal((await app.ask()).header('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'store-without-key',
    name: 'a request without a key never asks the store',
    needs: ['store'],
    async run(t) {
      const app = await brokenApp(t, 'claim', throwing, {}, {});
      assert.equal((await app.plain()).status, 200);
    },
  },
];
