/** A folder of real files for one test file, removed when its tests are over; and the asks that its tests share. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import type { Outcome } from '../../../src/core/outcome.ts';
import type { ClaimAsk } from '../../../src/core/store.ts';

/** Gives a path that no other test uses. */
export function testFolder(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-sqlite-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return (name = 'records.db') => join(folder, String(count++), name);
}

/** The record id of a key. */
export function idOf(key: string): string {
  return createHash('sha256').update(key).digest('hex');
}

/** A claim of this key. */
export function askFor(key: string, over: Partial<ClaimAsk> = {}): ClaimAsk {
  return {
    id: idOf(key),
    token: randomUUID(),
    fingerprint: null,
    leaseMs: 30_000,
    ifAbandoned: 'rerun',
    keepMs: null,
    labels: { scope: [], operation: null, key, owner: null, method: null, path: null, eventId: null },
    ...over,
  };
}

/** An answer with this body. */
export function answerOf(text: string): Outcome {
  return { kind: 'answer', status: 201, headers: [], body: new TextEncoder().encode(text) };
}
