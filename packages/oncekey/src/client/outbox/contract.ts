/**
 * `oncekey/outbox-testing`: what every storage of an outbox must do, as data: cases with an
 * id, a sentence and a function that rejects when a storage does otherwise. No test runner
 * and nothing of Node is imported, so that a storage can be tried where it lives.
 */
import { newKey } from '../key.ts';
import type { OutboxStorage, Row, RowWrite } from './storage.ts';

/** Opens storages for one case: each call with the same name opens the same one once more, as another tab would. */
export interface OpenStorages {
  open(name: string): Promise<OutboxStorage>;
}

/** One thing that a storage must do. */
export interface StorageCase {
  readonly id: string;
  readonly name: string;
  run(storages: OpenStorages): Promise<void>;
}

const write = (over: Partial<RowWrite> = {}): RowWrite => ({
  id: newKey(),
  lane: 'main',
  state: 'open',
  data: '{"a":"ä😀"}',
  seen: 0,
  ...over,
});

function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

function same(actual: unknown, expected: unknown, what: string): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${what}: ${one} instead of ${other}`);
}

async function added(storage: OutboxStorage, over: Partial<RowWrite> = {}): Promise<Row> {
  const answer = await storage.commit({ rows: [write(over)] });
  const [row] = answer.kind === 'stored' ? answer.rows : [];
  if (row === undefined) throw new Error(`a new row must be stored, not ${answer.kind}`);
  return row;
}

type Body = (storage: OutboxStorage, storages: OpenStorages, name: string) => Promise<void>;

function define(id: string, name: string, body: Body): StorageCase {
  return {
    id,
    name,
    async run(storages) {
      const database = `contract-${newKey()}`;
      const storage = await storages.open(database);
      try {
        await body(storage, storages, database);
      } finally {
        await storage.close();
      }
    },
  };
}

/** The contract. Cases stand alone. */
export const outboxStorageContract: readonly StorageCase[] = [
  define('new-row', 'a new row gets revision 1 and can be read back as it was', async (storage) => {
    const row = await added(storage);
    same([row.revision, row.data, row.state, row.lane], [1, '{"a":"ä😀"}', 'open', 'main'], 'the row');
    same(await storage.read(row.id), row, 'what is read');
    check((await storage.read('nobody')) === undefined, 'an absent row must be undefined');
  }),
  define('seq-grows', 'rows are numbered in the order of adding; a number is never used again', async (storage) => {
    const [one, two] = [await added(storage), await added(storage)];
    check(one.seq < two.seq, 'the second must come after the first');
    await storage.commit({ removed: [{ id: two.id, seen: 1 }] });
    check((await added(storage)).seq > two.seq, 'a removed row’s number must not be used again');
  }),
  define('new-twice', 'a row that is there already is not added again', async (storage) => {
    const row = await added(storage);
    same((await storage.commit({ rows: [write({ id: row.id, data: 'x' })] })).kind, 'conflict', 'adding it again');
    same(await storage.read(row.id), row, 'the first one');
  }),
  define('change', 'who has seen the last revision may change it, and its number stays', async (storage) => {
    const row = await added(storage);
    const answer = await storage.commit({ rows: [{ ...row, state: 'dead', data: 'b', seen: 1 }] });
    check(answer.kind === 'stored', 'the change must be stored');
    const now = await storage.read(row.id);
    same([now?.revision, now?.seq, now?.state, now?.data], [2, row.seq, 'dead', 'b'], 'the changed row');
  }),
  define('change-unseen', 'who has not seen the last revision changes nothing', async (storage) => {
    const row = await added(storage);
    await storage.commit({ rows: [{ ...row, data: 'b', seen: 1 }] });
    for (const seen of [1, 3]) {
      same((await storage.commit({ rows: [{ ...row, data: 'c', seen }] })).kind, 'conflict', `having seen ${seen}`);
      same((await storage.commit({ removed: [{ id: row.id, seen }] })).kind, 'conflict', `removing, seen ${seen}`);
    }
    same((await storage.read(row.id))?.data, 'b', 'the row');
  }),
  define('change-absent', 'a row that is gone cannot be changed', async (storage) => {
    same((await storage.commit({ rows: [write({ seen: 1 })] })).kind, 'conflict', 'changing an absent row');
  }),
  define('all-or-nothing', 'a commit that meets a conflict changes nothing at all', async (storage) => {
    const row = await added(storage);
    const fresh = write();
    const commit = { rows: [fresh, { ...row, data: 'b', seen: 9 }], notes: [{ name: 'n', value: '1' }] };
    same((await storage.commit(commit)).kind, 'conflict', 'the commit');
    check((await storage.read(fresh.id)) === undefined, 'the new row must not be there');
    check((await storage.note('n')) === undefined, 'the note must not be there');
    same((await storage.usage()).open.entries, 1, 'open rows');
  }),
  define('conflicting-note', 'a note is only changed by who has seen it', async (storage) => {
    const set = (value: string | null, seen?: string | null) =>
      storage.commit({ notes: [{ name: 'n', value, ...(seen !== undefined && { seen }) }] });
    same((await set('1', null)).kind, 'stored', 'a new note');
    same((await set('2', null)).kind, 'conflict', 'a note that was thought absent');
    same((await set('2', '1')).kind, 'stored', 'a note as it was seen');
    same((await set('3')).kind, 'stored', 'a note that nobody looked at');
    same(await storage.note('n'), '3', 'the note');
    await set(null, '3');
    check((await storage.note('n')) === undefined, 'the note must be gone');
  }),
  define('notes-and-rows', 'a note that was changed stops the rows of its commit', async (storage) => {
    const row = write();
    const answer = await storage.commit({ rows: [row], notes: [{ name: 'n', value: '1', seen: '0' }] });
    same(answer.kind, 'conflict', 'the commit');
    check((await storage.read(row.id)) === undefined, 'the row must not be there');
  }),
  define('head', 'the head of a lane is its first open row', async (storage) => {
    const [one, two] = [await added(storage, { lane: 'a' }), await added(storage, { lane: 'a' })];
    await added(storage, { lane: 'b' });
    same(await storage.head('a'), one, 'the head');
    await storage.commit({ rows: [{ ...one, state: 'done', seen: 1 }] });
    same(await storage.head('a'), two, 'the next head');
    await storage.commit({ rows: [{ ...two, state: 'parked', seen: 1 }] });
    check((await storage.head('a')) === undefined, 'a lane with nothing open has no head');
    await storage.commit({ rows: [{ ...one, state: 'open', seen: 2 }] });
    same((await storage.head('a'))?.id, one.id, 'an opened row in its old place');
  }),
  define('lanes', 'lanes with open rows are given page by page, each once', async (storage) => {
    for (const lane of ['b', 'a', 'c', 'a', 'ä', '']) await added(storage, { lane });
    await added(storage, { lane: 'gone', state: 'dead' });
    const first = await storage.lanes(null, 3);
    const rest = await storage.lanes(first.at(-1) ?? null, 10);
    same([...first, ...rest], ['', 'a', 'b', 'c', 'ä'], 'all lanes');
    same(first.length, 3, 'the first page');
  }),
  define('list', 'rows of a state are given page by page in the order of adding', async (storage) => {
    const rows: Row[] = [];
    for (const lane of ['b', 'a', 'b', 'a', 'c']) rows.push(await added(storage, { lane, state: 'dead' }));
    await added(storage);
    const page = await storage.list('dead', 0, 3);
    const rest = await storage.list('dead', page.at(-1)?.seq ?? 0, 10);
    same([...page, ...rest], rows, 'all rows');
    same(page.length, 3, 'the first page');
    same(await storage.latest('dead', 2), rows.slice(-2).toReversed(), 'the last ones, newest first');
  }),
  define('usage', 'it is known how much is kept, by state', async (storage) => {
    const row = await added(storage, { data: '12345' });
    await added(storage, { data: '123' });
    same((await storage.usage()).open, { entries: 2, bytes: 8 }, 'open');
    await storage.commit({ rows: [{ ...row, state: 'done', data: '12', seen: 1 }] });
    const { open, done } = await storage.usage();
    same(
      [open, done],
      [
        { entries: 1, bytes: 3 },
        { entries: 1, bytes: 2 },
      ],
      'open and done',
    );
    await storage.commit({ removed: [{ id: row.id, seen: 2 }] });
    same((await storage.usage()).done, { entries: 0, bytes: 0 }, 'done after removal');
  }),
  define('limits', 'a row beyond the limits is refused and leaves nothing; done rows do not count', async (storage) => {
    const limits = { entries: 2, bytes: 100 };
    await added(storage, { state: 'done', data: 'x'.repeat(99) });
    for (const kind of ['stored', 'stored', 'full']) {
      same((await storage.commit({ rows: [write()], limits })).kind, kind, 'a row more');
    }
    same((await storage.usage()).open.entries, 2, 'open rows');
    const tooLong = write({ data: 'x'.repeat(101) });
    const answer = await storage.commit({ rows: [tooLong], limits: { entries: 9, bytes: 100 } });
    same(answer, { kind: 'full', limit: 'bytes' }, 'too many bytes');
    check((await storage.read(tooLong.id)) === undefined, 'the refused row must not be there');
  }),
  define('limits-change', 'a full storage still lets rows change', async (storage) => {
    const row = await added(storage);
    const answer = await storage.commit({ rows: [{ ...row, data: 'b', seen: 1 }], limits: { entries: 0, bytes: 0 } });
    same(answer.kind, 'stored', 'the change');
  }),
  define('large', 'a large text is kept whole', async (storage) => {
    const data = JSON.stringify('ä😀\u2028"\\'.repeat(100_000));
    const row = await added(storage, { data });
    check((await storage.read(row.id))?.data === data, 'the text must be the same');
  }),
  define('odd-names', 'ids, lanes and note names may be any text', async (storage) => {
    for (const id of ['__proto__', "'; DROP TABLE x; --", '😀', ' ', 'a/b', 'a\nb']) {
      const row = await added(storage, { id, lane: id });
      same(await storage.head(id), row, 'the head');
      await storage.commit({ notes: [{ name: id, value: id }] });
      same(await storage.note(id), id, 'the note');
    }
  }),
  define('many-at-once', 'of many writers that have seen the same revision one wins', async (storage) => {
    const row = await added(storage);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) => storage.commit({ rows: [{ ...row, data: `${index}`, seen: 1 }] })),
    );
    same(answers.filter(({ kind }) => kind === 'stored').length, 1, 'winners');
    same((await storage.read(row.id))?.revision, 2, 'the revision');
  }),
  define('shared', 'what one has committed the others see, and one of two wins', async (storage, storages, name) => {
    const other = await storages.open(name);
    try {
      const row = await added(storage);
      same(await other.read(row.id), row, 'the other’s view');
      const both = await Promise.all(
        [storage, other].map((each) => each.commit({ rows: [{ ...row, data: 'b', seen: 1 }] })),
      );
      same(both.map(({ kind }) => kind).toSorted(), ['conflict', 'stored'], 'both answers');
      check((await added(other)).seq > row.seq, 'numbers must go on');
    } finally {
      await other.close();
    }
  }),
  define('kept', 'what was committed is there when the storage is opened again', async (storage, storages, name) => {
    const row = await added(storage);
    await storage.commit({ notes: [{ name: 'n', value: '1' }] });
    const again = await storages.open(name);
    try {
      same([await again.read(row.id), await again.note('n')], [row, '1'], 'what is there');
      same((await again.usage()).open.entries, 1, 'open rows');
    } finally {
      await again.close();
    }
  }),
];
