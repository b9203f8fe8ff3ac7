/** Virtual time: it moves only when told to, timers fire in order, and what awaits them runs in between. */
import { describe, expect, test } from 'vitest';
import { virtualClock } from '../../src/testing/index.ts';

describe('virtualClock', () => {
  test('stands still until it is moved', async () => {
    const clock = virtualClock(1000);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1000, 0]);
    await clock.advance(250);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([1250, 250]);
  });

  test('fires timers in the order in which they are due, equals in the order set, each at its instant', async () => {
    const clock = virtualClock(0);
    const fired: string[] = [];
    for (const [name, delayMs] of [
      ['c', 30],
      ['a', 10],
      ['b1', 20],
      ['b2', 20],
      ['late', 31],
    ] as const) {
      clock.after(delayMs, () => fired.push(`${name}@${clock.nowMs()}`));
    }
    await clock.advance(30);
    expect(fired).toEqual(['a@10', 'b1@20', 'b2@20', 'c@30']);
    expect(clock.pending()).toBe(1);
  });

  test('does not fire what was cancelled, also by an earlier timer', async () => {
    const clock = virtualClock();
    const fired: string[] = [];
    const cancelled = clock.after(10, () => fired.push('cancelled'));
    const cancelLater = clock.after(30, () => fired.push('cancelled later'));
    clock.after(20, cancelLater);
    cancelled();
    await clock.advance(100);
    expect([fired, clock.pending()]).toEqual([[], 0]);
  });

  test('fires timers that timers set, when they are due within the same advance', async () => {
    const clock = virtualClock(0);
    const beats: number[] = [];
    const beat = (): void => {
      beats.push(clock.nowMs());
      clock.after(10, beat);
    };
    clock.after(10, beat);
    await clock.advance(35);
    expect(beats).toEqual([10, 20, 30]);
  });

  test('lets long chains of promises run between two timers', async () => {
    const clock = virtualClock(0);
    const seen: number[] = [];
    const sleep = async (ms: number): Promise<void> => new Promise((resume) => clock.after(ms, resume));
    const work = (async () => {
      for (let round = 0; round < 3; round++) {
        await sleep(10);
        for (let turn = 0; turn < 50; turn++) await Promise.resolve();
        seen.push(clock.nowMs());
      }
    })();
    await clock.advance(30);
    expect(seen).toEqual([10, 20, 30]);
    await work;
  });

  test('refuses to go back', async () => {
    await expect(virtualClock().advance(-1)).rejects.toThrow(RangeError);
  });
});
