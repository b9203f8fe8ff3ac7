/** The HTTP contract of order (rules 12 and 14, I5): answers stream untouched, and only what completes them waits for the record. */
import assert from 'node:assert/strict';
import type { Store } from '../../core/store.ts';
import { bytesOf, eventually, gate, pause, pieces, ran, refused, replays, type HttpCaseDefinition } from './case.ts';

const eventStream = [['Content-Type', 'text/event-stream']] as const;

/** A store whose completions wait, and tell that they do. */
function slowToComplete(): { readonly store: (inner: Store) => Store; readonly asked: () => number; open(): void } {
  const held = gate();
  let asked = 0;
  const store = (inner: Store): Store => ({
    ...inner,
    complete: async (ask) => {
      asked++;
      await held.opened;
      return inner.complete(ask);
    },
  });
  return { store, asked: () => asked, open: held.open };
}

/** Cases of streams. */
export const streamCases: readonly HttpCaseDefinition[] = [
  {
    id: 'stream-passes-at-once',
    name: 'each chunk reaches the client before the next is made',
    async run(t) {
      const gates = [gate(), gate()];
      const app = await t.app(() => ({ body: pieces(['one ', 'two ', 'three'], (index) => gates[index - 1]?.opened) }));
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('one '),
        'the first chunk must come',
      );
      gates[0]?.open();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('two '),
        'the second chunk must come',
      );
      gates[1]?.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
      assert.equal(wire.reply.body.toString(), 'one two three');
      replays(wire.reply, await app.ask());
    },
  },
  {
    id: 'stream-head-first',
    name: 'the head of a stream reaches the client before its first chunk is made',
    async run(t) {
      const held = gate();
      async function* late(): AsyncGenerator<Uint8Array> {
        await held.opened;
        yield bytesOf('late');
      }
      const app = await t.app(() => ({ status: 202, headers: eventStream, body: late() }));
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('\r\n\r\n'),
        'the head must come',
      );
      assert.equal(wire.reply.status, 202);
      held.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
    },
  },
  {
    id: 'stream-end-waits',
    name: 'of a chunked answer only the end marker waits for the record',
    needs: ['store'],
    async run(t) {
      const slow = slowToComplete();
      const app = await t.app(() => ({ body: pieces(['one ', 'two'], () => pause(10)) }), slow);
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('two'),
        'all chunks must come',
      );
      await eventually(slow.asked, (asked) => asked > 0, 'the outcome must be stored');
      await pause(30);
      assert.ok(!wire.seen.includes('0\r\n\r\n') && !wire.closed, 'the end must wait');
      slow.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
      assert.ok(wire.reply.whole);
    },
  },
  {
    id: 'stream-last-chunk-waits',
    name: 'where the length is declared, the chunk that completes it waits for the record',
    needs: ['store'],
    async run(t) {
      const slow = slowToComplete();
      const seen = gate();
      const headers = [['Content-Length', '7']] as const;
      const app = await t.app(() => ({ headers, body: pieces(['one ', 'two'], () => seen.opened) }), slow);
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (text) => text.includes('one '),
        'the first chunk must come',
      );
      seen.open();
      await eventually(slow.asked, (asked) => asked > 0, 'the outcome must be stored');
      await pause(30);
      assert.ok(!wire.seen.includes('two') && !wire.closed, 'the last chunk must wait');
      slow.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
      assert.equal(wire.reply.body.toString(), 'one two');
    },
  },
  {
    id: 'stream-whole-waits',
    name: 'a body sent at once waits whole, head included',
    needs: ['store'],
    async run(t) {
      const slow = slowToComplete();
      const app = await t.app({ body: bytesOf('whole') }, slow);
      const wire = app.wire();
      await eventually(slow.asked, (asked) => asked > 0, 'the outcome must be stored');
      await pause(30);
      assert.ok(!wire.seen.includes('whole'), 'the body must wait');
      slow.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
      assert.equal(wire.reply.body.toString(), 'whole');
    },
  },
  {
    id: 'stream-events',
    name: 'an event stream passes, leaves a tombstone, and does not run again (rule 12)',
    async run(t) {
      const app = await t.app(() => ({
        headers: eventStream,
        body: pieces(['data: 1\n\n', 'data: 2\n\n'], () => pause(5)),
      }));
      const first = await app.ask();
      assert.equal(first.body.toString(), 'data: 1\n\ndata: 2\n\n');
      assert.ok(first.whole);
      refused(await app.ask(), 409, 'idempotency_outcome_not_kept');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'stream-events-status-only',
    name: 'of an event stream status and headers are kept where that was chosen',
    async run(t) {
      const options = { oversize: 'status-only' } as const;
      const app = await t.app(() => ({ headers: [...eventStream, ['X-A', '1']], body: pieces(['data: 1\n\n']) }), {
        options,
      });
      await app.ask();
      const again = await app.ask();
      assert.deepEqual([again.status, again.header('x-a'), again.body.length], [200, '1', 0]);
      assert.equal(again.header('idempotent-replayed'), 'true');
    },
  },
  {
    id: 'stream-duplicate-meanwhile',
    name: 'a duplicate during a stream is told that it is in progress, and gets the whole answer afterwards',
    async run(t) {
      const held = gate();
      const app = await t.app(() => ({ body: pieces(['one ', 'two'], () => held.opened) }));
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (seen) => seen.includes('one '),
        'the first chunk must come',
      );
      refused(await app.ask(), 409, 'idempotency_in_progress');
      held.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the answer must end',
      );
      replays(wire.reply, await app.ask());
    },
  },
  {
    id: 'stream-released',
    name: 'a streamed 503 gives the key back',
    async run(t) {
      const app = await t.app(() => ({ status: 503, body: pieces(['busy ', 'now'], () => pause(5)) }));
      assert.equal((await app.ask()).body.toString(), 'busy now');
      ran(await app.ask());
      assert.equal(app.runs(), 2);
    },
  },
];
