/** The HTTP contract of leases (rules 9, 10, 15, I1, I3, I8): slow works keep their key, lost ones never finish their answer. */
import assert from 'node:assert/strict';
import type { Store } from '../../core/store.ts';
import { bytesOf, eventually, gate, pause, pieces, ran, refused, replays, type HttpCaseDefinition } from './case.ts';
import type { HttpWork } from './setup.ts';

/** Ends within a case; long enough for a heartbeat at a third of it. */
const shortMs = 600;

/** A store that tells the owner that its record is somebody else's. */
const lost = (inner: Store): Store => ({
  ...inner,
  complete: () => ({ kind: 'lost' }),
  release: () => ({ kind: 'lost' }),
});

/** A store whose heartbeats never arrive. */
const deaf = (inner: Store): Store => ({ ...inner, extend: () => Promise.reject(new Error('part of the contract')) });

/** Cases of leases. */
export const leaseCases: readonly HttpCaseDefinition[] = [
  {
    id: 'lease-slow-work',
    name: 'a work that takes several leases keeps its key by its heartbeat',
    async run(t) {
      const app = await t.app(
        async () => {
          await pause(shortMs * 3);
          return { body: bytesOf('slow') };
        },
        { options: { leaseMs: shortMs } },
      );
      const first = app.ask();
      await pause(shortMs * 2);
      refused(await app.ask(), 409, 'idempotency_in_progress');
      replays(await first, await app.ask());
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'lease-lost-unsent',
    name: 'an owner that lost its lease with nothing sent answers as a duplicate would',
    needs: ['store'],
    async run(t) {
      const app = await t.app({ status: 201, headers: [['X-Mine', '1']], body: bytesOf('stale') }, { store: lost });
      const reply = await app.ask();
      refused(reply, 409, 'idempotency_in_progress');
      assert.deepEqual([reply.header('x-mine'), reply.header('retry-after')], [undefined, '1']);
    },
  },
  {
    id: 'lease-lost-unsent-released',
    name: 'so does one whose answer would have given the key back',
    needs: ['store'],
    async run(t) {
      const app = await t.app({ status: 503, body: bytesOf('stale') }, { store: lost });
      refused(await app.ask(), 409, 'idempotency_in_progress');
    },
  },
  ...[false, true].map((declared): HttpCaseDefinition => ({
    id: `lease-lost-${declared ? 'declared' : 'begun'}`,
    name: `an owner that lost its lease in the middle of its answer${declared ? ' of declared length' : ''} breaks the connection`,
    needs: ['store'],
    async run(t) {
      const seen = gate();
      const headers = declared ? ([['Content-Length', '12']] as const) : [];
      const app = await t.app(() => ({ headers, body: pieces(['stale ', 'answer'], () => seen.opened) }), {
        store: lost,
      });
      const wire = app.wire();
      await eventually(
        () => wire.seen,
        (text) => text.includes('stale '),
        'the first chunk must come',
      );
      seen.open();
      await eventually(
        () => wire.closed,
        (closed) => closed,
        'the connection must end',
      );
      assert.equal(wire.reply.whole, false);
      if (declared) assert.equal(wire.reply.body.toString(), 'stale ');
    },
  })),
  {
    id: 'lease-taken-over',
    name: 'when the lease of a silent owner ends, the next runs as attempt 2, and the late answer changes nothing',
    needs: ['store', 'work'],
    async run(t) {
      const held = gate();
      const work: HttpWork = async ({ work: own }) => {
        const mine = `attempt ${own?.attempt}`;
        if (own?.attempt === 1) await held.opened;
        return { body: bytesOf(mine) };
      };
      const app = await t.app(work, { store: deaf, options: { leaseMs: shortMs } });
      const late = app.ask();
      while (app.runs() === 0) await pause(2);
      const second = await app.settled();
      ran(second);
      assert.equal(second.body.toString(), 'attempt 2');
      held.open();
      // The first owner answers as a duplicate would: with the second's answer.
      replays(second, await late);
      replays(second, await app.ask());
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'lease-signal',
    name: 'an owner whose lease has ended hears of it by its signal',
    needs: ['store', 'work'],
    async run(t) {
      let aborted = false;
      const app = await t.app(
        async ({ work }) => {
          await eventually(
            () => work?.signal.aborted === true,
            (seen) => seen,
            'the signal must abort',
          );
          aborted = true;
          return {};
        },
        { store: deaf, options: { leaseMs: shortMs } },
      );
      await app.ask();
      assert.ok(aborted);
    },
  },
  {
    id: 'lease-held',
    name: 'where that was chosen, nobody runs after a silent owner: the outcome is unknown (I8)',
    needs: ['store'],
    async run(t) {
      const held = gate();
      const app = await t.app(
        async () => {
          if (app.runs() === 1) await held.opened;
          return {};
        },
        { store: deaf, options: { leaseMs: shortMs, abandoned: 'hold' } },
      );
      const late = app.ask();
      while (app.runs() === 0) await pause(2);
      refused(await app.settled(), 409, 'idempotency_outcome_unknown');
      // The store's clock is first to know that the lease is over; until the owner knows it as well he may complete.
      await pause(shortMs);
      held.open();
      // The silent owner is told what everybody is told.
      refused(await late, 409, 'idempotency_outcome_unknown');
      refused(await app.ask(), 409, 'idempotency_outcome_unknown');
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'lease-one-missed-heartbeat',
    name: 'one heartbeat that fails costs nothing',
    needs: ['store'],
    async run(t) {
      let beats = 0;
      const app = await t.app(
        async () => {
          await pause(shortMs * 2);
          return { body: bytesOf('kept') };
        },
        {
          options: { leaseMs: shortMs },
          store: (inner) => ({
            ...inner,
            extend: (...ask) => {
              if (++beats === 1) throw new Error('part of the contract');
              return inner.extend(...ask);
            },
          }),
        },
      );
      replays(await app.ask(), await app.ask());
      assert.ok(beats > 1);
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'retention-over',
    name: 'after its retention an answer is forgotten: the request runs anew (rule 15)',
    async run(t) {
      const app = await t.app({}, { options: { retentionMs: shortMs } });
      replays(await app.ask(), await app.ask());
      await pause(shortMs + 100);
      ran(await app.ask());
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'retention-for-ever',
    name: 'with a retention of null an answer stays',
    async run(t) {
      const app = await t.app({}, { options: { retentionMs: null } });
      replays(await app.ask(), await app.ask());
    },
  },
];
