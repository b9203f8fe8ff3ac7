/** What the core promises on every runtime: one run, replays, steps, work found across awaits, timers. */
import assert from 'node:assert/strict';
import { createOnce, currentWork, IdempotencyError, memory } from '../../../src/index.ts';
import type { SuiteCase } from './suite.ts';

const call = (key: string) => ({ scope: ['acme'], operation: 'order.send', key, input: { amount: 4200 } });

export const coreCases: readonly SuiteCase[] = [
  {
    id: 'core-run-replay',
    async run() {
      const once = createOnce({ store: memory() });
      let runs = 0;
      const work = () => ({ runs: ++runs });
      const first = await once.run(call('k'), work);
      const again = await once.run(call('k'), work);
      assert.deepEqual([first.status, again.status, again.value], ['executed', 'replayed', { runs: 1 }]);
    },
  },
  {
    id: 'core-storm',
    async run() {
      const once = createOnce({ store: memory(), inProgress: 'wait', waitMs: 5000 });
      let runs = 0;
      const work = async () => {
        await turn();
        return ++runs;
      };
      const all = await Promise.all(Array.from({ length: 50 }, () => once.run(call('k'), work)));
      assert.equal(runs, 1);
      assert.equal(all.filter((one) => one.status === 'executed').length, 1);
    },
  },
  {
    id: 'core-key-reused',
    async run() {
      const once = createOnce({ store: memory() });
      await once.run(call('k'), () => 1);
      const other = once.run({ ...call('k'), input: { amount: 1 } }, () => 2);
      await assert.rejects(other, (error) => IdempotencyError.is(error) && error.code === 'key_reused');
    },
  },
  {
    id: 'core-work-across-awaits',
    async run() {
      const once = createOnce({ store: memory() });
      const keyOf = async (): Promise<string> => {
        await turn();
        return currentWork()?.key('charge') ?? 'lost';
      };
      const both = await Promise.all(['a', 'b'].map((key) => once.run(call(key), keyOf)));
      assert.equal(new Set(both.map((one) => one.value)).size, 2);
      assert.ok(both.every((one) => one.value !== 'lost'));
    },
  },
  {
    id: 'core-steps-survive-a-failure',
    async run() {
      const once = createOnce({ store: memory() });
      let charged = 0;
      const attempt = (fail: boolean) =>
        once.run(call('k'), async (work) => {
          await work.step('charge', () => ++charged);
          if (fail) {
            work.release();
            throw new Error('the printer is on fire');
          }
          return work.attempt;
        });
      await assert.rejects(attempt(true), /on fire/);
      assert.deepEqual([(await attempt(false)).value, charged], [2, 1]);
    },
  },
  {
    id: 'core-lease-and-takeover',
    async run() {
      const once = createOnce({ store: memory() });
      // Its owner says for how long, and is then silent: no heartbeat renews it.
      const silent = await once.claim({ ...call('k'), expiresInMs: 60 });
      assert.equal(silent.outcome, 'granted');
      const deadlineMs = performance.now() + 5000;
      let next = await once.claim(call('k'));
      while (next.outcome !== 'granted' && performance.now() < deadlineMs) {
        await new Promise((resolve) => setTimeout(resolve, 10));
        next = await once.claim(call('k'));
      }
      assert.equal(next.outcome, 'granted');
    },
  },
];

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 1);
  });
}
