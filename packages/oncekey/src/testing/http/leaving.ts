/** The HTTP contract of broken connections (rule 11): the work goes on without its client, and half an answer is never replayed. */
import assert from 'node:assert/strict';
import { bytesOf, eventually, gate, pause, pieces, refused, type HttpCaseDefinition } from './case.ts';

/** Cases of clients and servers that break off. */
export const leavingCases: readonly HttpCaseDefinition[] = [
  {
    id: 'leaving-before-answer',
    name: 'a client that left before the answer finds it when it comes back',
    async run(t) {
      const [begun, left] = [gate(), gate()];
      const app = await t.app(async () => {
        begun.open();
        await left.opened;
        return { status: 201, headers: [['X-A', '1']], body: bytesOf('made') };
      });
      const wire = app.wire();
      await begun.opened;
      wire.leave();
      await pause(20);
      left.open();
      const again = await app.settled();
      assert.deepEqual([again.status, again.header('x-a'), again.body.toString()], [201, '1', 'made']);
      assert.equal(again.header('idempotent-replayed'), 'true');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-mid-stream',
    name: 'a client that left in the middle of a stream never gets half of it: all, or that it was not kept',
    async run(t) {
      const left = gate();
      const app = await t.app(() => ({ body: pieces(['one ', 'two ', 'three'], () => left.opened) }));
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('one '),
        'the first chunk must come',
      );
      wire.leave();
      await pause(20);
      left.open();
      const again = await app.settled();
      if (again.status === 200) assert.equal(again.body.toString(), 'one two three');
      else refused(again, 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-endless-stream',
    name: 'an endless stream whose client has gone comes to an end, and a retry does not run again',
    async run(t) {
      const piece = new Uint8Array(10_000);
      let stopped = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (let made = 0; made < 300; made++) {
            yield piece;
            await pause(1);
          }
        } finally {
          stopped = true;
        }
      }
      const app = await t.app(() => ({ body: endless() }));
      const wire = app.wire();
      await eventually(
        () => wire.seen.length,
        (bytes) => bytes > 10_000,
        'the first chunks must come',
      );
      wire.leave();
      refused(await app.settled(), 409, 'idempotency_outcome_not_kept');
      await eventually(
        () => stopped,
        (seen) => seen,
        'the stream must end',
      );
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-slow-reader',
    name: 'a stream that waits for a reader who then leaves comes to an end, long before the lease',
    async run(t) {
      const piece = new Uint8Array(100_000);
      let made = 0;
      async function* large(): AsyncGenerator<Uint8Array> {
        // More than all the buffers on the way hold.
        for (; made < 400; made++) {
          yield piece;
          await pause(1);
        }
      }
      const app = await t.app(() => ({ body: large() }));
      const wire = app.wire();
      wire.stopReading();
      let seen = 0;
      for (let still = 0; still < 5; still = made > 0 && made === seen ? still + 1 : 0) {
        seen = made;
        await pause(20);
      }
      wire.leave();
      refused(await app.settled(), 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-server-breaks',
    name: 'an answer that the work breaks off breaks for the client, and is never replayed',
    async run(t) {
      async function* breaking(): AsyncGenerator<Uint8Array> {
        yield bytesOf('half ');
        await pause(20);
        throw new Error('part of the contract');
      }
      const app = await t.app(() => ({ body: breaking() }));
      const first = await app.ask();
      assert.equal(first.whole, false, 'the client must see that the answer is not whole');
      refused(await app.settled(), 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-server-breaks-declared',
    name: 'an answer that stays below its declared length is never replayed',
    async run(t) {
      async function* breaking(): AsyncGenerator<Uint8Array> {
        yield bytesOf('half ');
        await pause(20);
        throw new Error('part of the contract');
      }
      const app = await t.app(() => ({ headers: [['Content-Length', '10']], body: breaking() }));
      const first = await app.ask();
      assert.equal(first.whole, false, 'the client must see that the answer is not whole');
      refused(await app.settled(), 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'leaving-incomplete-request',
    name: 'a request that never became whole leaves nothing behind',
    async run(t) {
      const app = await t.app();
      const half = app.wire({ headers: [['Transfer-Encoding', 'chunked']] });
      half.write('5\r\nhal');
      await pause(20);
      half.leave();
      await pause(20);
      const reply = await app.settled();
      assert.deepEqual([reply.status, reply.header('idempotent-replayed')], [200, undefined]);
    },
  },
];
