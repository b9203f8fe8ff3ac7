/** What is believed of a commit that was not answered. */
import { expect, test } from 'vitest';
import { committedBy, type Witness } from '../../src/atomic/commit.ts';
import type { Clock } from '../../src/core/clock.ts';
import type { StoredRecord } from '../../src/core/store.ts';

const mine = { token: 'mine', outcome: {} } as StoredRecord;

/** A clock whose pauses end at once. */
function quickClock(): Clock {
  let nowMs = 0;
  return {
    monotonicMs: () => nowMs,
    after(ms: number, act: () => void) {
      nowMs += ms;
      const soon = setImmediate(act);
      return () => clearImmediate(soon);
    },
  } as Clock;
}

/** Answers one after the other, the last one for ever. */
function inTurn<T>(...answers: (() => T)[]): () => Promise<T> {
  let next = 0;
  return async () => (answers[Math.min(next++, answers.length - 1)] as () => T)();
}

const down = (): never => {
  throw new Error('down');
};

test.each<[string, Witness, StoredRecord | undefined]>([
  ['committed', { read: inTurn(() => mine), isHeld: inTurn(down) }, mine],
  ['rolled back', { read: inTurn(() => undefined), isHeld: inTurn(() => false) }, undefined],
  [
    'not ended yet, then committed',
    {
      read: inTurn<StoredRecord | undefined>(
        () => undefined,
        () => undefined,
        () => mine,
      ),
      isHeld: inTurn(() => true),
    },
    mine,
  ],
  [
    'committed between the two questions',
    {
      read: inTurn<StoredRecord | undefined>(
        () => undefined,
        () => mine,
      ),
      isHeld: inTurn(() => false),
    },
    mine,
  ],
  [
    'not ended yet, then rolled back',
    {
      read: inTurn(() => undefined),
      isHeld: inTurn(
        () => true,
        () => true,
        () => false,
      ),
    },
    undefined,
  ],
  [
    'readable only later',
    { read: inTurn<StoredRecord | undefined>(down, down, () => mine), isHeld: inTurn(down) },
    mine,
  ],
  [
    "somebody else's by now",
    { read: inTurn(() => ({ ...mine, token: 'other' })), isHeld: inTurn(() => false) },
    undefined,
  ],
])('%s', async (_what, witness, told) => {
  expect(await committedBy(quickClock(), 'mine', witness)).toBe(told);
});

test('what does not end in time is not guessed', async () => {
  const held = { read: inTurn(() => undefined), isHeld: inTurn(() => true) };
  await expect(committedBy(quickClock(), 'mine', held)).rejects.toThrow('has not ended yet');
  const silent = { read: inTurn(down), isHeld: inTurn(() => true) };
  await expect(committedBy(quickClock(), 'mine', silent)).rejects.toThrow('down');
});
