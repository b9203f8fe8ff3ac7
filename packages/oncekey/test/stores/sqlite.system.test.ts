/** Several processes on one file: one grant a key, a killed owner's key is free after the lease, and a held write lock stops nobody's event loop. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { scheduler } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DatabaseSync } from '@photostructure/sqlite';
import { expect, it } from 'vitest';
import { sqlite } from '../../src/stores/sqlite.ts';
import { answerOf, askFor, testFolder } from './sqlite/folder.ts';

const newPath = testFolder();
const workerPath = fileURLToPath(new URL('sqlite/worker.js', import.meta.url));

function startWorker(task: object): ChildProcess {
  return spawn(process.execPath, [workerPath, JSON.stringify(task)], { stdio: ['ignore', 'pipe', 'inherit'] });
}

async function firstLine(worker: ChildProcess): Promise<unknown> {
  if (worker.stdout === null) throw new Error('the worker has no output');
  const [line] = (await once(createInterface(worker.stdout), 'line')) as [string];
  return JSON.parse(line);
}

/** Each process claims `key-0`, `key-1`, … `calls` times in all, beginning anew after `keys` of them. */
async function claimFrom(processes: number, calls: number, keys: number): Promise<string[][]> {
  const task = { task: 'claim', path: newPath(), calls, keys, startAtMs: Date.now() + 400 };
  const answers = Array.from({ length: processes }, () => firstLine(startWorker(task)) as Promise<string[]>);
  return Promise.all(answers);
}

it('grants one of 500 claims of one key from 4 processes', async () => {
  const answers = (await claimFrom(4, 125, 1)).flat();
  expect(answers).toHaveLength(500);
  expect(answers.filter((kind) => kind === 'granted')).toHaveLength(1);
  expect(answers.filter((kind) => kind === 'in-progress')).toHaveLength(499);
});

it('grants each of 2000 keys once to two racing processes', async () => {
  const [one = [], other = []] = await claimFrom(2, 2000, 2000);
  expect(one).toHaveLength(2000);
  const grants = one.map((kind, index) => [kind, other[index]].filter((each) => each === 'granted').length);
  expect(new Set(grants)).toEqual(new Set([1]));
});

it('frees the keys of a killed process when its lease is over, not before', async () => {
  const path = newPath();
  const worker = startWorker({ task: 'hang', path, calls: 1, keys: 1, leaseMs: 1500 });
  await firstLine(worker);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
  const store = sqlite(path);
  const early = await store.claim(askFor('key-0'));
  expect(early).toMatchObject({ kind: 'in-progress', attempt: 1 });
  await scheduler.wait(early.kind === 'in-progress' ? early.leaseLeftMs : 0);
  expect(await store.claim(askFor('key-0'))).toMatchObject({ kind: 'granted', attempt: 2 });
  await store.close();
});

it('serves replays and keeps the event loop running while somebody else holds the write lock', async () => {
  const path = newPath();
  const store = sqlite(path, { busyTimeoutMs: 300 });
  const done = askFor('done');
  await store.claim(done);
  await store.complete({ ...done, outcome: answerOf('first'), retentionMs: null });
  const running = askFor('running');
  await store.claim(running);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');

  let ticks = 0;
  const ticking = setInterval(() => ticks++, 5);
  const refused = store.claim(askFor('new')).catch((error: unknown) => error);
  expect(await store.claim(askFor('done'))).toMatchObject({ kind: 'completed' });
  expect(await store.claim(askFor('running'))).toMatchObject({ kind: 'in-progress' });
  expect(await store.read(done.id)).toMatchObject({ state: 'completed' });
  expect(await refused).toMatchObject({ code: 'store_unavailable', retryable: true, details: { phase: 'claim' } });
  clearInterval(ticking);
  // Waiting inside SQLite would have let none of some sixty through.
  expect(ticks).toBeGreaterThan(5);

  const waiting = store.claim(askFor('new'));
  await scheduler.wait(50);
  other.exec('COMMIT');
  expect(await waiting).toMatchObject({ kind: 'granted' });
  other.close();
  await store.close();
});
