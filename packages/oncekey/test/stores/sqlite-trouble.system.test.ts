/** What a store on a file says and does without permission and on a full disk (RELIABILITY check 10): it fails closed, and answers again. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type TestContext, expect, it } from 'vitest';
import type { IdempotencyError } from '../../src/core/errors.ts';
import { type SqliteStore, sqlite } from '../../src/stores/sqlite.ts';
import { skipLoudly } from '../support/skip-loudly.ts';
import { smallDiskFor } from '../support/small-disk.ts';
import { answerOf, askFor } from './sqlite/folder.ts';

const workerPath = fileURLToPath(new URL('sqlite/worker.js', import.meta.url));
const nobody = 65_534;

/** What `check` of a store at this path says to a user who is not root. */
function checkAsNobody(context: TestContext, path: string): unknown {
  const task = JSON.stringify({ task: 'check', path, calls: 0, keys: 1 });
  const child = spawnSync(process.execPath, [workerPath, task], { uid: nobody, gid: nobody, encoding: 'utf8' });
  if (child.error !== undefined || child.stdout === '') {
    return skipLoudly(context, `no process of another user can run here: ${child.error?.message ?? child.stderr}`);
  }
  return JSON.parse(child.stdout);
}

function newFolder(mode: number): string {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-trouble-'));
  chmodSync(folder, mode);
  return folder;
}

it('is refused by a folder that may not be written', (context) => {
  const folder = newFolder(0o755);
  try {
    const unusable = { code: 'store_unusable', message: expect.stringContaining(folder) as string };
    expect(checkAsNobody(context, join(folder, 'records.db'))).toMatchObject(unusable);
    expect(checkAsNobody(context, join(folder, 'below', 'records.db'))).toMatchObject(unusable);
    chmodSync(folder, 0o777);
    expect(checkAsNobody(context, join(folder, 'below', 'records.db'))).toBe('fine');
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it('is refused by a file that may only be read', async (context) => {
  const folder = newFolder(0o755);
  try {
    const path = join(folder, 'records.db');
    const store = sqlite(path);
    await store.check();
    await store.close();
    expect(checkAsNobody(context, path)).toMatchObject({ code: 'store_unusable' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

async function answerOrCode(answer: Promise<{ readonly kind: string }>): Promise<string> {
  try {
    return (await answer).kind;
  } catch (error) {
    return (error as IdempotencyError).code;
  }
}

/** Completes `key-0`, `key-1`, … with 40 KB each until one cannot be; says how many were, and what the last was told. */
async function fill(store: SqliteStore): Promise<{ completed: number; told: string }> {
  for (let completed = 0; ; completed++) {
    const ask = askFor(`key-${completed}`);
    const outcome = answerOf('x'.repeat(40_000));
    // oxlint-disable-next-line no-await-in-loop -- until the disk is full
    const claimed = await answerOrCode(store.claim(ask));
    if (claimed !== 'granted') return { completed, told: claimed };
    // oxlint-disable-next-line no-await-in-loop
    const told = await answerOrCode(store.complete({ ...ask, outcome, retentionMs: null }));
    if (told !== 'stored') return { completed, told };
  }
}

it('fails closed on a full disk and answers again when there is room', async (context) => {
  const { path: folder } = smallDiskFor(context, 1);
  mkdirSync(join(folder, 'store'));
  writeFileSync(join(folder, 'ballast'), Buffer.alloc(300_000));
  const store = sqlite(join(folder, 'store', 'records.db'));
  const { completed, told } = await fill(store);
  expect(told).toBe('store_unavailable');
  expect(completed).toBeGreaterThan(1);
  expect(await answerOrCode(store.claim(askFor('key-0')))).toBe('completed');
  expect(await answerOrCode(store.claim(askFor(`key-${completed - 1}`)))).toBe('completed');

  rmSync(join(folder, 'ballast'));
  expect(await answerOrCode(store.claim(askFor('later')))).toBe('granted');
  expect(await answerOrCode(store.claim(askFor('key-0')))).toBe('completed');
  await store.close();
  const reopened = sqlite(join(folder, 'store', 'records.db'));
  expect(await answerOrCode(reopened.claim(askFor(`key-${completed - 1}`)))).toBe('completed');
  await reopened.close();
});
