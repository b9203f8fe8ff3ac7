/**
 * What stands for a promise: at once a value or an error where it can be, and a promise for who asks, before or after the end.
 */
import { expect, it } from 'vitest';
import { Late } from '../../src/http/node-late.ts';

class Way extends Late {
  ends(value: unknown): void {
    this.end(value);
  }

  misses(error: unknown): void {
    this.miss(error);
  }
}

it('gives a value that is there, and throws an error that is', () => {
  const [ended, missed] = [new Way(), new Way()];
  ended.ends('value');
  missed.misses(new Error('missed'));
  expect(ended.outcome()).toBe('value');
  expect(() => missed.outcome()).toThrow('missed');
});

it.each(['before', 'after'])('is awaited for what comes later, asked %s it has come', async (when) => {
  const way = new Way();
  const left = way.outcome();
  const asked = when === 'before' ? Promise.resolve(left) : undefined;
  // Awaiting asks a tick later.
  await Promise.resolve();
  way.ends(Promise.resolve('value'));
  expect(await (asked ?? left)).toBe('value');
  expect(await left).toBe('value');
});

it('rejects with what is missed later', async () => {
  const way = new Way();
  const asked = Promise.resolve(way.outcome());
  await Promise.resolve();
  way.misses(new Error('missed'));
  await expect(asked).rejects.toThrow('missed');
});
