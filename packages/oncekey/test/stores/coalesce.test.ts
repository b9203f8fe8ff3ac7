/** What the stores on a network rely on when they send calls together. */
import { expect, test } from 'vitest';
import { coalesce, type BatchEntry, type CoalesceOptions } from '../../src/stores/coalesce.ts';

interface Sent {
  readonly asks: readonly string[];
  answer(entries?: readonly BatchEntry<string>[]): void;
  fail(error: Error): void;
}

function server(options: Omit<CoalesceOptions<string, string>, 'send'> = {}) {
  const sent: Sent[] = [];
  const call = coalesce<string, string>({
    ...options,
    send: (asks) =>
      new Promise((resolve, reject) => {
        sent.push({
          asks,
          answer: (entries = asks.map((ask) => ({ answer: `${ask}!` }))) => resolve(entries),
          fail: reject,
        });
      }),
  });
  return { sent, call, turn: () => new Promise((resolve) => setImmediate(resolve)) };
}

test('a lone call is sent at once, alone', async () => {
  const { sent, call } = server();
  const answer = call('a');
  expect(sent.map((batch) => batch.asks)).toEqual([['a']]);
  sent[0]?.answer();
  expect(await answer).toBe('a!');
});

test('calls that arrive while the allowed batches are under way go together', async () => {
  const { sent, call, turn } = server();
  const answers = Promise.all(['a', 'b', 'c', 'd', 'e'].map((ask) => call(ask)));
  expect(sent.map((batch) => batch.asks)).toEqual([['a'], ['b']]);
  sent[0]?.answer();
  await turn();
  expect(sent[2]?.asks).toEqual(['c', 'd', 'e']);
  sent[1]?.answer();
  sent[2]?.answer();
  expect(await answers).toEqual(['a!', 'b!', 'c!', 'd!', 'e!']);
});

test('with gather, a lone call is still sent at once, and calls of one turn go together though a slot is free', async () => {
  const { sent, call, turn } = server({ maxInFlight: 3, gather: (go) => void setImmediate(go) });
  const answers = Promise.all(['a', 'b', 'c', 'd'].map((ask) => call(ask)));
  expect(sent.map((batch) => batch.asks)).toEqual([['a']]);
  await turn();
  expect(sent.map((batch) => batch.asks)).toEqual([['a'], ['b', 'c', 'd']]);
  const later = call('e');
  await turn();
  expect(sent[2]?.asks).toEqual(['e']);
  for (const batch of sent) batch.answer();
  expect(await answers).toEqual(['a!', 'b!', 'c!', 'd!']);
  expect(await later).toBe('e!');
});

const turnwise = { gather: (go: () => void): void => void setImmediate(go) };

test('queues that share their traffic gather while any of them has a batch under way', async () => {
  const traffic = { underWay: 0 };
  const [claims, completions] = [server({ ...turnwise, traffic }), server({ ...turnwise, traffic })];
  const first = claims.call('a');
  const answers = Promise.all(['b', 'c'].map((ask) => completions.call(ask)));
  expect(completions.sent).toEqual([]);
  await completions.turn();
  expect(completions.sent.map(({ asks }) => asks)).toEqual([['b', 'c']]);
  claims.sent[0]?.answer();
  completions.sent[0]?.answer();
  expect([await first, ...(await answers)]).toEqual(['a!', 'b!', 'c!']);
});

test('who was answered alone is alone again; those who were answered together go together', async () => {
  const { sent, call, turn } = server({ ...turnwise, traffic: { underWay: 0 } });
  const lone = call('a').then(() => call('b'));
  sent[0]?.answer();
  for (let hop = 0; hop < 10; hop += 1) await Promise.resolve();
  const crowd = Promise.all(['c', 'd', 'e'].map((ask) => call(ask).then(() => call(`${ask}2`))));
  await turn();
  sent[1]?.answer();
  await lone;
  sent[2]?.answer();
  await turn();
  await turn();
  sent[3]?.answer();
  await crowd;
  expect(sent.map(({ asks }) => asks)).toEqual([['a'], ['b'], ['c', 'd', 'e'], ['c2', 'd2', 'e2']]);
});

test('with shared traffic many calls are dealt out to the batches that may go, few are not', async () => {
  const many = server({ ...turnwise, traffic: { underWay: 1 }, maxInFlight: 3 });
  const answers = Promise.all(Array.from({ length: 40 }, (_, index) => many.call(String(index))));
  await many.turn();
  expect(many.sent.map(({ asks }) => asks.length)).toEqual([20, 20]);
  for (const batch of many.sent) batch.answer();
  expect(await answers).toHaveLength(40);
  const few = server({ ...turnwise, traffic: { underWay: 1 }, maxInFlight: 3 });
  const rest = Promise.all(Array.from({ length: 6 }, (_, index) => few.call(String(index))));
  await few.turn();
  expect(few.sent.map(({ asks }) => asks.length)).toEqual([6]);
  few.sent[0]?.answer();
  expect(await rest).toHaveLength(6);
});

test('a batch is capped by entries and by bytes, and a call over the cap goes alone', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1, maxEntries: 3, maxBytes: 10, bytesOf: (ask) => ask.length });
  const asks = ['first', 'aaaa', 'bbbb', 'cccc', 'x'.repeat(50), 'd', 'e', 'f', 'g'];
  const answers = Promise.all(asks.map((ask) => call(ask)));
  for (let batch = 0; batch < 6; batch += 1) {
    sent[batch]?.answer();
    await turn();
  }
  expect(await answers).toHaveLength(asks.length);
  for (const { asks: together } of sent) {
    expect(together.length).toBeLessThanOrEqual(3);
    expect(together.length === 1 || together.join('').length <= 10).toBe(true);
  }
  expect(sent.flatMap((batch) => batch.asks).toSorted()).toEqual(asks.toSorted());
});

test('an error in one entry fails that call alone', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1 });
  const first = call('a');
  const settled = Promise.allSettled([call('b'), call('bad'), call('c')]);
  sent[0]?.answer();
  await first;
  await turn();
  sent[1]?.answer([{ answer: 'b!' }, { error: new Error('poison') }, { answer: 'c!' }]);
  expect((await settled).map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a batch that a single call can poison is sent again call by call', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1, apart: (error) => String(error).includes('poison') });
  const first = call('a');
  const settled = Promise.allSettled([call('b'), call('bad'), call('c')]);
  sent[0]?.answer();
  await first;
  await turn();
  sent[1]?.fail(new Error('poison'));
  await turn();
  sent[2]?.answer();
  await turn();
  sent[3]?.fail(new Error('poison'));
  await turn();
  sent[4]?.answer();
  expect((await settled).map((one) => one.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
});

test('a batch that fails for any other reason fails all its calls, and the next is sent', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1 });
  const settled = Promise.allSettled([call('a')]);
  sent[0]?.fail(new Error('connection lost'));
  expect((await settled)[0]?.status).toBe('rejected');
  const next = call('b');
  await turn();
  sent[1]?.answer();
  expect(await next).toBe('b!');
});

test('an answer that is missing is an error, never silence', async () => {
  const { sent, call } = server();
  const answer = call('a');
  sent[0]?.answer([]);
  await expect(answer).rejects.toThrow('fewer entries');
});

test('heartbeats overtake waiting claims, and have a batch of their own when all are under way', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1, maxEntries: 2 });
  const claims = ['a', 'b', 'c', 'd'].map((ask) => call(ask));
  const beat = call('beat', true);
  expect(sent.map((batch) => batch.asks)).toEqual([['a'], ['beat', 'b']]);
  for (let batch = 0; batch < 4; batch += 1) {
    sent[batch]?.answer();
    await turn();
  }
  expect(await Promise.all([...claims, beat])).toHaveLength(5);
});

test('calls of one id never share a batch and keep their order', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1, idOf: (ask) => ask[0] ?? '' });
  const answers = Promise.all(['x', 'a1', 'a2', 'b1', 'a3'].map((ask) => call(ask)));
  for (let batch = 0; batch < 4; batch += 1) {
    sent[batch]?.answer();
    await turn();
  }
  expect(sent.map((batch) => batch.asks)).toEqual([['x'], ['a1', 'b1'], ['a2'], ['a3']]);
  expect(await answers).toHaveLength(5);
});

test('a queue that grows beyond its limit refuses instead of filling the memory', async () => {
  const { sent, call, turn } = server({ maxInFlight: 1, maxWaiting: 1 });
  const kept = [call('a'), call('b')];
  await expect(call('c')).rejects.toMatchObject({ code: 'store_unavailable' });
  sent[0]?.answer();
  await turn();
  sent[1]?.answer();
  expect(await Promise.all(kept)).toEqual(['a!', 'b!']);
});
