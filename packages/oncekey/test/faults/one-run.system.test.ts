/** RELIABILITY check 2: five hundred requests for one key from four processes, and it takes effect once (I1, I17). */
import { afterAll, expect, test } from 'vitest';
import { newEffects } from '../../../../tools/faults/effects.ts';
import { startWorker } from '../../../../tools/faults/worker-process.ts';
import { forStores, sharedStores } from './stands.ts';

const [processes, requests] = [4, 500];
const effects = newEffects();
afterAll(() => effects.remove());

forStores(sharedStores, (name, stand) => {
  test(`${name}: 500 requests from 4 processes are one run and 499 replays of it`, async () => {
    const { place } = stand();
    const workers = await Promise.all(Array.from({ length: processes }, () => startWorker({ place })));
    const ask = { key: `storm-${name}`, effects: effects.path, workMs: 100 };
    const answers = (await Promise.all(workers.map((worker) => worker.storm(ask, requests / processes)))).flat();
    await Promise.all(workers.map((worker) => worker.kill()));
    expect(answers).toHaveLength(requests);
    expect(effects.of(ask.key)).toBe(1);
    expect(answers.filter(({ kind }) => kind === 'executed')).toHaveLength(1);
    expect(answers.filter(({ kind }) => kind === 'replayed')).toHaveLength(requests - 1);
    expect(new Set(answers.map((answer) => 'value' in answer && answer.value)).size).toBe(1);
  });
});
