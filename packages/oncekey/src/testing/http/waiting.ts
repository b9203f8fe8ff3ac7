/** The HTTP contract of concurrency (rules 4 and 5, I17): one runs; the others are told, or wait and get its answer. */
import assert from 'node:assert/strict';
import { bytesOf, codeOf, gate, pause, ran, refused, replays, type HttpCaseDefinition } from './case.ts';

const wait = { inProgress: 'wait', waitMs: 5000 } as const;

/** Cases of duplicates in flight. */
export const waitingCases: readonly HttpCaseDefinition[] = [
  {
    id: 'waiting-storm',
    name: 'of 30 at once one runs, and all others are told so or get its answer',
    async run(t) {
      const app = await t.app(async () => {
        await pause(30);
        return { status: 201, body: bytesOf('made') };
      });
      const replies = await Promise.all(Array.from({ length: 30 }, () => app.ask()));
      assert.equal(app.runs(), 1);
      const own = replies.filter((reply) => reply.status === 201 && reply.header('idempotent-replayed') === undefined);
      assert.equal(own.length, 1);
      for (const reply of replies) {
        if (reply.status === 201) assert.equal(reply.body.toString(), 'made');
        else refused(reply, 409, 'idempotency_in_progress');
      }
    },
  },
  {
    id: 'waiting-told',
    name: 'a duplicate in flight is refused at once and told when to come again',
    async run(t) {
      const held = gate();
      const app = await t.app(async () => {
        await held.opened;
        return {};
      });
      const first = app.ask();
      while (app.runs() === 0) await pause(2);
      let told = await app.ask();
      while (told.status === 200) told = await app.ask();
      refused(told, 409, 'idempotency_in_progress');
      assert.equal(told.header('retry-after'), '1');
      held.open();
      replays(await first, await app.ask());
    },
  },
  {
    id: 'waiting-waits',
    name: 'where that was chosen, duplicates wait and get the first answer',
    async run(t) {
      const begun = gate();
      const held = gate();
      const app = await t.app(
        async () => {
          begun.open();
          await held.opened;
          return { status: 201, body: bytesOf('made') };
        },
        { options: wait },
      );
      const first = app.ask();
      await begun.opened;
      const waiters = Array.from({ length: 5 }, () => app.ask());
      await pause(30);
      held.open();
      for (const waiter of waiters) replays(await first, await waiter);
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'waiting-gives-up',
    name: 'a waiter whose time is up is told that the first still runs',
    async run(t) {
      const begun = gate();
      const held = gate();
      const app = await t.app(
        async () => {
          begun.open();
          await held.opened;
          return {};
        },
        { options: { ...wait, waitMs: 40 } },
      );
      const first = app.ask();
      await begun.opened;
      refused(await app.ask(), 409, 'idempotency_in_progress');
      held.open();
      assert.equal((await first).status, 200);
    },
  },
  {
    id: 'waiting-takes-over',
    name: 'when the first gives its key back, one waiter runs and the others get its answer',
    async run(t) {
      const begun = gate();
      const held = gate();
      const app = await t.app(
        async () => {
          if (app.runs() > 1) return { status: 201, body: bytesOf('second') };
          begun.open();
          await held.opened;
          return { status: 503 };
        },
        { options: wait },
      );
      const first = app.ask();
      await begun.opened;
      const waiters = Array.from({ length: 4 }, () => app.ask());
      await pause(30);
      held.open();
      assert.equal((await first).status, 503);
      const replies = await Promise.all(waiters);
      assert.deepEqual(
        replies.map(({ status, body }) => [status, body.toString()]),
        waiters.map(() => [201, 'second']),
      );
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'waiting-conflict-first',
    name: 'other input is refused as such while the first runs, waiting or not (rule 4)',
    async run(t) {
      for (const options of [{}, wait]) {
        const begun = gate();
        const held = gate();
        const app = await t.app(
          async () => {
            begun.open();
            await held.opened;
            return {};
          },
          { options },
        );
        const first = app.ask({ body: 'one' });
        await begun.opened;
        refused(await app.ask({ body: 'two' }), 422, 'idempotency_key_reused');
        held.open();
        assert.equal((await first).status, 200);
      }
    },
  },
  {
    id: 'waiting-other-keys',
    name: 'other keys run side by side',
    async run(t) {
      let running = 0;
      let most = 0;
      const app = await t.app(async () => {
        most = Math.max(most, ++running);
        await pause(30);
        running--;
        return {};
      });
      const replies = await Promise.all(Array.from({ length: 8 }, (_, index) => app.ask({ key: `k${index}` })));
      for (const reply of replies) ran(reply);
      assert.deepEqual([app.runs(), replies.every((reply) => codeOf(reply) === undefined)], [8, true]);
      assert.ok(most > 1, 'they must run at the same time');
    },
  },
];
