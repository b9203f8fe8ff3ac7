/** The contract of `list`: every filter matches exactly, pages are oldest first and stable, what is over is left out. */
import assert from 'node:assert/strict';
import type { ListAsk } from '../../core/store.ts';
import { long, short, type CaseContext, type CaseDefinition } from './case.ts';

const needs = ['list'] as const;

async function found(t: CaseContext, ask: Omit<ListAsk, 'limit'>): Promise<string[]> {
  const { records } = await t.store.list({ limit: 100, ...ask });
  return records.map(({ id }) => id);
}

function list(id: string, name: string, run: (t: CaseContext) => Promise<void>): CaseDefinition {
  return { id: `list-${id}`, name, needs, run };
}

/** Several records of one new scope, a moment apart. */
async function several(t: CaseContext, count: number): Promise<{ scope: readonly string[]; ids: string[] }> {
  const { scope } = t.labels();
  const ids: string[] = [];
  for (let index = 0; index < count; index++) {
    const { id } = await t.inProgress({ labels: t.labels({ scope, key: `key-${index}` }) });
    ids.push(id);
    if (t.canMoveTime) await t.passShort();
  }
  return { scope, ids };
}

async function allPages(
  t: CaseContext,
  ask: ListAsk,
  between: () => Promise<void> = async () => {},
): Promise<string[]> {
  const ids: string[] = [];
  let page = await t.store.list(ask);
  for (;;) {
    assert.ok(page.records.length <= ask.limit, 'a page must keep to its limit');
    ids.push(...page.records.map(({ id }) => id));
    if (page.cursor === null) return ids;
    await between();
    page = await t.store.list({ ...ask, cursor: page.cursor });
  }
}

async function mustRefuse(t: CaseContext, limit: number): Promise<void> {
  await assert.rejects(
    async () => t.store.list({ limit }),
    (error) => (error instanceof RangeError || error instanceof TypeError) && error.message.includes('limit'),
    `a limit of ${limit} must be refused by name`,
  );
}

const refusedLimits = [
  ['zero', 0],
  ['over-thousand', 1001],
  ['negative', -1],
  ['fraction', 1.5],
  ['not-a-number', Number.NaN],
] as const;

/** Cases of `list`. */
export const listCases: readonly CaseDefinition[] = [
  list('scope', 'a scope finds its records and no other', async (t) => {
    const { scope, ids } = await several(t, 2);
    await t.inProgress();
    assert.deepEqual((await found(t, { scope })).toSorted(), ids.toSorted());
  }),
  list('scope-whole', 'a scope is compared whole: neither a part nor a longer one matches (I7)', async (t) => {
    const unique = t.random.hex(16);
    const { id } = await t.inProgress({ labels: t.labels({ scope: [unique, 'b'] }) });
    for (const scope of [
      [unique],
      [unique, 'b', 'c'],
      [unique, 'B'],
      ['b', unique],
      [`${unique},b`],
      [unique, 'b', ''],
    ]) {
      assert.deepEqual(await found(t, { scope }), []);
    }
    assert.deepEqual(await found(t, { scope: [unique, 'b'] }), [id]);
  }),
  list('scope-separators', 'scopes whose parts hold separators are not confused', async (t) => {
    const unique = t.random.hex(16);
    const one = await t.inProgress({ labels: t.labels({ scope: [unique, 'b:c'] }) });
    const two = await t.inProgress({ labels: t.labels({ scope: [`${unique}:b`, 'c'] }) });
    assert.deepEqual(await found(t, { scope: [unique, 'b:c'] }), [one.id]);
    assert.deepEqual(await found(t, { scope: [`${unique}:b`, 'c'] }), [two.id]);
  }),
  list('public-scope', 'the public scope is the empty list and not every scope', async (t) => {
    const key = `public-${t.random.hex(16)}`;
    const { id } = await t.inProgress({ labels: t.labels({ scope: [], key }) });
    await t.inProgress({ labels: t.labels({ key }) });
    assert.deepEqual(await found(t, { scope: [], key }), [id]);
  }),
  list('operation', 'an operation finds its records and no other', async (t) => {
    const { scope } = t.labels();
    const { id } = await t.inProgress({ labels: t.labels({ scope, operation: 'a.b' }) });
    await t.inProgress({ labels: t.labels({ scope, operation: 'a.bc' }) });
    await t.inProgress({ labels: t.labels({ scope, operation: null }) });
    assert.deepEqual(await found(t, { scope, operation: 'a.b' }), [id]);
  }),
  list('key', 'a key finds its records and no other', async (t) => {
    const { scope } = t.labels();
    const { id } = await t.inProgress({ labels: t.labels({ scope, key: 'k1' }) });
    await t.inProgress({ labels: t.labels({ scope, key: 'k10' }) });
    await t.inProgress({ labels: t.labels({ scope, key: 'K1' }) });
    assert.deepEqual(await found(t, { scope, key: 'k1' }), [id]);
  }),
  list('key-prefix', 'a prefix finds the keys that begin so', async (t) => {
    const { scope } = t.labels();
    const ids: string[] = [];
    for (const key of ['ab', 'abc', 'aB', 'xab'])
      ids.push((await t.inProgress({ labels: t.labels({ scope, key }) })).id);
    assert.deepEqual((await found(t, { scope, keyPrefix: 'ab' })).toSorted(), ids.slice(0, 2).toSorted());
  }),
  list('key-prefix-literal', 'wildcards in a prefix mean themselves', async (t) => {
    const { scope } = t.labels();
    const { id } = await t.inProgress({ labels: t.labels({ scope, key: 'a%_*?[x' }) });
    await t.inProgress({ labels: t.labels({ scope, key: 'abcdefg' }) });
    for (const keyPrefix of ['a%', 'a%_', 'a%_*?[']) assert.deepEqual(await found(t, { scope, keyPrefix }), [id]);
    assert.deepEqual(await found(t, { scope, keyPrefix: 'a*' }), []);
  }),
  list('state-in-progress', 'a state finds the records that are in it now', async (t) => {
    const labels = t.labels();
    const live = await t.inProgress({ labels });
    const silent = await t.abandoned({ labels });
    const done = await t.completed({ labels });
    const open = await t.open({ labels });
    const { scope } = labels;
    assert.deepEqual(await found(t, { scope, state: 'in-progress' }), [live.id]);
    assert.deepEqual(await found(t, { scope, state: 'abandoned' }), [silent.id]);
    assert.deepEqual(await found(t, { scope, state: 'completed' }), [done.id]);
    assert.deepEqual(await found(t, { scope, state: 'open' }), [open.id]);
    assert.deepEqual(await found(t, { scope, state: 'erased' }), []);
  }),
  list('older-than', 'an age finds the records first seen that long ago', async (t) => {
    const labels = t.labels();
    const old = await t.completed({ labels });
    await t.passShort();
    assert.deepEqual(await found(t, { scope: labels.scope, olderThanMs: short }), [old.id]);
    await t.completed({ labels });
    assert.deepEqual(await found(t, { scope: labels.scope, olderThanMs: long }), []);
  }),
  list('older-than-time', 'an age that no calendar reaches back to finds nothing', async (t) => {
    const { scope } = (await t.completed()).labels;
    assert.deepEqual(await found(t, { scope, olderThanMs: Number.MAX_SAFE_INTEGER }), []);
  }),
  list('all-filters', 'every given filter must match', async (t) => {
    const labels = t.labels();
    const { id } = await t.completed({ labels });
    const { scope, key } = labels;
    const all = {
      scope,
      key,
      keyPrefix: key.slice(0, 3),
      operation: 'invoice.send',
      state: 'completed',
      olderThanMs: 0,
    } as const;
    assert.deepEqual(await found(t, all), [id]);
    assert.deepEqual(await found(t, { ...all, operation: 'other' }), []);
    assert.deepEqual(await found(t, { ...all, state: 'open' }), []);
    assert.deepEqual(await found(t, { ...all, keyPrefix: 'x' }), []);
  }),
  list('nothing', 'a search that matches nothing is an empty last page', async (t) => {
    const { records, cursor } = await t.store.list({ ...t.labels(), operation: 'none', limit: 10 });
    assert.deepEqual([records.length, cursor], [0, null]);
  }),
  list('shows-records', 'a listed record is what read shows', async (t) => {
    const labels = t.labels();
    const ask = await t.completed({ labels });
    const { records } = await t.store.list({ scope: labels.scope, limit: 1 });
    const { revision, state, token, completedAtMs, firstSeenAtMs } = await t.read(ask);
    const [listed] = records;
    assert.ok(listed !== undefined);
    assert.deepEqual(
      [listed.revision, listed.state, listed.token, listed.completedAtMs, listed.firstSeenAtMs, listed.labels.key],
      [revision, state, token, completedAtMs, firstSeenAtMs, labels.key],
    );
  }),
  list('expired-left-out', 'what is over is left out, though nobody swept', async (t) => {
    const labels = t.labels();
    await t.completed({ labels }, t.answer(), short);
    await t.abandoned({ labels, keepMs: 0 });
    const live = await t.inProgress({ labels });
    await t.passShort();
    assert.deepEqual(await found(t, { scope: labels.scope }), [live.id]);
  }),
  list('oldest-first', 'the oldest comes first', async (t) => {
    const labels = t.labels();
    const ids: string[] = [];
    for (let index = 0; index < 3; index++) {
      ids.push((await t.inProgress({ labels })).id);
      await t.passShort();
    }
    assert.deepEqual(await found(t, { scope: labels.scope }), ids);
  }),
  list('pages', 'pages give every record once', async (t) => {
    const { scope, ids } = await several(t, 7);
    for (const limit of [1, 2, 3, 7, 8]) {
      assert.deepEqual((await allPages(t, { scope, limit })).toSorted(), ids.toSorted());
    }
  }),
  list('last-page', 'the last page has no cursor, also when it is full', async (t) => {
    const { scope } = await several(t, 4);
    const first = await t.store.list({ scope, limit: 2 });
    assert.ok(first.cursor !== null);
    const second = await t.store.list({ scope, limit: 2, cursor: first.cursor });
    assert.equal(second.records.length, 2);
    const rest = second.cursor === null ? [] : (await t.store.list({ scope, limit: 2, cursor: second.cursor })).records;
    assert.equal(rest.length, 0);
  }),
  list('stable-while-removed', 'pages lose nothing while listed records go', async (t) => {
    const labels = t.labels();
    const asks = [];
    for (let index = 0; index < 6; index++) asks.push(await t.inProgress({ labels }));
    const { records, cursor } = await t.store.list({ scope: labels.scope, limit: 3 });
    assert.ok(cursor !== null);
    const seen = records.map(({ id }) => id);
    for (const ask of asks.filter(({ id }) => seen.includes(id))) await t.release(ask, 'released');
    const rest = await t.store.list({ scope: labels.scope, limit: 10, cursor });
    assert.deepEqual([...seen, ...rest.records.map(({ id }) => id)].toSorted(), asks.map(({ id }) => id).toSorted());
  }),
  list('stable-while-added', 'pages give what was there exactly once while records come', async (t) => {
    const { scope, ids } = await several(t, 6);
    let added = 0;
    const seen = await allPages(t, { scope, limit: 2 }, async () => {
      if (added++ < 3) await t.inProgress({ labels: t.labels({ scope, key: 'new' }) });
    });
    assert.equal(new Set(seen).size, seen.length, 'no record twice');
    for (const id of ids) assert.ok(seen.includes(id), 'no record left out');
  }),
  list('limit-thousand', 'a limit of one and of a thousand are fine', async (t) => {
    const { scope, ids } = await several(t, 2);
    assert.equal((await t.store.list({ scope, limit: 1 })).records.length, 1);
    assert.equal((await t.store.list({ scope, limit: 1000 })).records.length, ids.length);
  }),
  ...refusedLimits.map(([id, limit]) =>
    list(`limit-${id}`, `a limit of ${limit} is refused by name`, (t) => mustRefuse(t, limit)),
  ),
];
