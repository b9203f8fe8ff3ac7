/** The HTTP contract of scopes (rule 2, I7): never a shared bucket by accident, nothing crosses from one to another. */
import assert from 'node:assert/strict';
import { gate, ran, refused, replays, type HttpCaseDefinition } from './case.ts';
import type { Sent } from './wire.ts';

const by = (...parts: readonly string[]): Sent => ({
  headers: parts.map((part, index) => [`x-part-${index + 1}`, part] as const),
});
const one = ['x-part-1'] as const;
const two = ['x-part-1', 'x-part-2'] as const;

/** Cases of scopes. */
export const scopeCases: readonly HttpCaseDefinition[] = [
  {
    id: 'scope-isolates',
    name: 'the same key of another scope runs, and gets its own answer back',
    async run(t) {
      let count = 0;
      const app = await t.app(() => ({ headers: [['x-run', String(++count)]] }), { scope: one });
      const [ann, bob] = [await app.ask(by('ann')), await app.ask(by('bob'))];
      ran(bob);
      replays(ann, await app.ask(by('ann')));
      replays(bob, await app.ask(by('bob')));
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'scope-other-input',
    name: 'another scope may send other input with the same key',
    async run(t) {
      const app = await t.app({}, { scope: one });
      await app.ask({ ...by('ann'), body: '1' });
      const reply = await app.ask({ ...by('bob'), body: '2' });
      assert.equal(reply.status, 200);
    },
  },
  {
    id: 'scope-does-not-block',
    name: 'a running request of one scope does not hold up another scope',
    async run(t) {
      const held = gate();
      const begun = gate();
      let first = true;
      const app = await t.app(
        async () => {
          if (!first) return {};
          first = false;
          begun.open();
          await held.opened;
          return {};
        },
        { scope: one },
      );
      const slow = app.ask(by('ann'));
      await begun.opened;
      const quick = await app.settled(by('bob'));
      held.open();
      assert.deepEqual([quick.status, (await slow).status], [200, 200]);
    },
  },
  {
    id: 'scope-boundaries',
    name: '["a","b:c"] and ["a:b","c"] are two scopes',
    async run(t) {
      const app = await t.app({}, { scope: two });
      await app.ask(by('a', 'b:c'));
      ran(await app.ask(by('a:b', 'c')));
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'scope-order',
    name: 'the order of a scope’s parts counts',
    async run(t) {
      const app = await t.app({}, { scope: two });
      await app.ask(by('a', 'b'));
      ran(await app.ask(by('b', 'a')));
    },
  },
  {
    id: 'scope-trimmed',
    name: 'white space around a part is none of it',
    async run(t) {
      const app = await t.app({}, { scope: one });
      replays(await app.ask(by('ann')), await app.ask(by('  ann ')));
    },
  },
  ...(
    [
      ['none', []],
      ['blank', ['  ', 'b']],
      ['one-of-two', ['a']],
    ] as const
  ).map(([id, parts]): HttpCaseDefinition => ({
    id: `scope-missing-${id}`,
    name: `a keyed request whose scope is missing (${id}) is refused, and one without a key is not`,
    async run(t) {
      const app = await t.app({}, { scope: two });
      refused(await app.ask(by(...parts)), 400, 'idempotency_scope_missing');
      assert.equal(app.runs(), 0);
      assert.equal((await app.plain(by(...parts))).status, 200);
    },
  })),
  {
    id: 'scope-missing-public',
    name: 'where that was chosen, requests without a scope share the public one',
    async run(t) {
      const app = await t.app({}, { scope: two, options: { noScope: 'public' } });
      replays(await app.ask(by('a')), await app.ask());
      ran(await app.ask(by('a', 'b')));
    },
  },
  {
    id: 'scope-after-key',
    name: 'an unusable key is told before a missing scope',
    async run(t) {
      const app = await t.app({}, { scope: one });
      refused(await app.ask({ key: 'a b' }), 400, 'idempotency_key_invalid');
    },
  },
];
