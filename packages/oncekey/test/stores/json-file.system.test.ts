/** The JSON file across openings: the contract with a file reopened around every call, damage of every kind, and kills in a loop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';
import type { Store } from '../../src/core/store.ts';
import { jsonFile } from '../../src/stores/json-file.ts';
import { storeContract, virtualClock } from '../../src/testing/index.ts';
import { randomFrom, seedOfRun } from '../../src/testing/seed.ts';
import { opening, parsed, refusal, writeAt } from './json-file/files.ts';
import { answerOf, askFor, idOf, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const workerPath = fileURLToPath(new URL('json-file/worker.js', import.meta.url));

describe('the contract, with the file closed and opened again around every call', () => {
  const open = async () => {
    const clock = virtualClock();
    const path = newPath('records.json');
    // One call at a time: the file can be held once.
    let last: Promise<unknown> = Promise.resolve();
    const names = Object.keys(jsonFile(path)).filter((name) => !['name', 'watch', 'close'].includes(name));
    const methods = names.map((name) => {
      const call = async (given: unknown[]): Promise<unknown> => {
        const store = jsonFile(path, { clock });
        try {
          return await (Reflect.get(store, name) as (...all: unknown[]) => unknown)(...given);
        } finally {
          await store.close();
        }
      };
      const queued = (...given: unknown[]): Promise<unknown> =>
        (last = last.then(
          () => call(given),
          () => call(given),
        ));
      return [name, queued] as const;
    });
    const store = { name: 'json-file', ...Object.fromEntries(methods) } as unknown as Store;
    return { store, clock, close: async () => {} };
  };
  it.each(storeContract(open))('$id: $name', async ({ run, needs }) => {
    const passed = { kind: 'passed' };
    expect(await run()).toEqual(needs?.includes('watch') ? { kind: 'skipped', reason: 'has no watch' } : passed);
  });
});

describe('a file that was damaged', () => {
  const openingOf = (text: string | Uint8Array, id: string) => opening(writeAt(newPath('records.json'), text), id);

  async function sample(): Promise<{ text: Buffer; id: string }> {
    const path = newPath('records.json');
    const store = jsonFile(path);
    const ask = askFor('sample');
    await store.claim(ask);
    await store.complete({ id: ask.id, token: ask.token, outcome: answerOf('paid 42'), retentionMs: null });
    await store.close();
    return { text: readFileSync(path), id: ask.id };
  }

  test('cut anywhere is refused, or is whole: never taken for absent', async () => {
    const { text, id } = await sample();
    const found = new Set<string>();
    for (let end = 1; end < text.length; end += 7) found.add(await openingOf(text.subarray(0, end), id));
    // Without its last line break it is whole.
    expect([...found].filter((code) => code !== 'store_unusable' && code !== 'read')).toEqual([]);
    expect(await openingOf(text.subarray(0, text.length - 2), id)).toBe('store_unusable');
  });

  test('with any one bit turned is refused', async () => {
    const { text, id } = await sample();
    const wrong: string[] = [];
    for (let at = 0; at < text.length; at++) {
      const turned = Uint8Array.from(text, (byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte));
      const told = await openingOf(turned, id);
      if (told !== 'store_unusable') wrong.push(`byte ${at}: ${told}`);
    }
    expect(wrong).toEqual([]);
  });

  test('changed by hand is refused, and taken when the checksum says so', async () => {
    const { text, id } = await sample();
    const changed = text.toString().replace('paid 42', 'paid 43');
    expect(await openingOf(changed, id)).toBe('store_unusable');
    expect(await openingOf(changed.replace(/"sha256:[0-9a-f]{64}"/, 'null'), id)).toBe('read');
  });
});

function startWorker(task: object): ChildProcess {
  return spawn(process.execPath, [workerPath, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

describe('a process that is killed', () => {
  const seed = seedOfRun();

  test(`in a loop: the file is readable, and what was acknowledged is in it (ONCEKEY_SEED=${seed})`, async () => {
    const random = randomFrom(seed, 'kills');
    const path = newPath('records.json');
    const acknowledged: string[] = [];
    for (let round = 0; round < 10; round++) {
      const worker = startWorker({ task: 'work', path, round });
      if (worker.stdout === null) throw new Error('the worker has no output');
      const kill = 1 + random.below(60);
      let lines = 0;
      for await (const line of createInterface(worker.stdout)) {
        acknowledged.push(line);
        if (++lines === kill) worker.kill('SIGKILL');
      }
    }
    const store = jsonFile(path);
    const answers = await Promise.all(
      acknowledged.map(async (key) => ({ key, kind: (await store.claim(askFor(key))).kind })),
    );
    expect(answers.filter(({ kind }) => kind !== 'completed')).toEqual([]);
    expect(acknowledged.length).toBeGreaterThan(100);
    await store.close();
  });

  test('in the middle of its work: the key is claimable after the lease, as the next attempt', async () => {
    const path = newPath('records.json');
    const worker = startWorker({ task: 'hang', path, leaseMs: 1000 });
    if (worker.stdout === null) throw new Error('the worker has no output');
    await once(createInterface(worker.stdout), 'line');
    const store = jsonFile(path);
    expect((await refusal(() => store.check()))?.message).toContain(`in use by process ${worker.pid}`);
    worker.kill('SIGKILL');
    await once(worker, 'exit');
    expect((await store.claim(askFor('hang'))).kind).toBe('in-progress');
    const deadlineMs = performance.now() + 10_000;
    let answer = await store.claim(askFor('hang'));
    while (answer.kind === 'in-progress' && performance.now() < deadlineMs) answer = await store.claim(askFor('hang'));
    expect(answer).toMatchObject({ kind: 'granted', attempt: 2 });
    await store.close();
  });

  test('two processes that find a dead one: one gets the file', async () => {
    const path = newPath('records.json');
    const dead = startWorker({ task: 'hang', path, leaseMs: 1000 });
    if (dead.stdout === null) throw new Error('the worker has no output');
    await once(createInterface(dead.stdout), 'line');
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    const stores = Array.from({ length: 8 }, () => jsonFile(path));
    const codes = await Promise.all(stores.map(async (store) => (await refusal(() => store.check()))?.code ?? 'held'));
    expect(codes.toSorted()).toEqual(['held', ...Array.from({ length: 7 }, () => 'store_unusable')]);
    await Promise.all(stores.map((store) => store.close()));
    expect(Object.values(parsed(path).records).map((record) => record['key'])).toEqual(['hang']);
    expect(await opening(path, idOf('hang'))).toBe('read');
  });
});
