/**
 * The demo as people start it: every act's facts, its time, and that nothing is left of
 * it when it ends, by itself or by Ctrl-C.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ActReport } from '../../src/demo/narrator.ts';

const program = fileURLToPath(new URL('../../bin/oncekey.js', import.meta.url));
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'demo-test-'));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(...flags: string[]): ChildProcess & { readonly stdout: NodeJS.ReadableStream } {
  const environment = { ...process.env, TMPDIR: folder };
  return spawn(process.execPath, [program, 'demo', ...flags], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: environment,
  });
}

function codeOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.once('close', (code) => resolve(code)));
}

/** Process ids of the gateways that serve from this test's folder. */
function gatewaysLeft(): string[] {
  return readdirSync('/proc').filter((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/cmdline`, 'utf8').includes(folder);
    } catch {
      return false;
    }
  });
}

test('plays every act within 20 s, and every expectation holds', async () => {
  const started = performance.now();
  const child = start('--once', '--json');
  const reports: (ActReport & { held: boolean })[] = [];
  createInterface(child.stdout).on('line', (line) => reports.push(JSON.parse(line) as (typeof reports)[number]));
  expect(await codeOf(child)).toBe(0);
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(reports.map(({ act }) => act)).toEqual([
    'lost-reply',
    'storm',
    'reused-key',
    'crash-rerun',
    'crash-hold',
    'summary',
  ]);
  expect(reports.every(({ held }) => held)).toBe(true);
  expect(reports.map(({ charges }) => charges)).toEqual([1, 1, 0, 1, 1, 4]);
  const [lost, storm, reused, rerun, hold] = reports;
  expect(lost).toMatchObject({ requests: 3, facts: { firstAnswer: 'lost', secondAnswer: 201 } });
  expect(storm?.facts).toMatchObject({ sent: 200, first: 1, other: 0 });
  expect(reused?.facts).toEqual({ status: 422, code: 'idempotency_key_reused' });
  expect(rerun?.facts['told']).toBe('idempotency_in_progress');
  expect(hold?.facts['told']).toBe('idempotency_in_progress');
  expect(readdirSync(folder)).toEqual([]);
  expect(gatewaysLeft()).toEqual([]);
});

test('without --once it stays up and serves, until Ctrl-C leaves nothing behind', async () => {
  const child = start('--json');
  const ended = codeOf(child);
  const staying = await new Promise<{ gatewayUrl: string; authorization: string }>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const value = JSON.parse(line) as { event?: string; gatewayUrl: string; authorization: string };
      if (value.event === 'staying') resolve(value);
    });
  });
  const post = (): Promise<Response> =>
    fetch(`${staying.gatewayUrl}/charges`, {
      method: 'POST',
      headers: {
        authorization: staying.authorization,
        'idempotency-key': '"coffee-1"',
        'content-type': 'application/json',
      },
      body: '{"order":"coffee-1","amount":350,"currency":"EUR"}',
    });
  const first = await post();
  const second = await post();
  expect([first.status, second.status, second.headers.get('idempotent-replayed')]).toEqual([201, 201, 'true']);
  expect(await second.text()).toBe(await first.text());
  child.kill('SIGINT');
  expect(await ended).toBe(0);
  expect(readdirSync(folder)).toEqual([]);
  expect(gatewaysLeft()).toEqual([]);
});

test('Ctrl-C in the middle of an act leaves nothing behind either', async () => {
  const child = start('--json');
  const ended = codeOf(child);
  await new Promise<void>((resolve) => createInterface(child.stdout).once('line', () => resolve()));
  child.kill('SIGINT');
  expect(await ended).toBe(130);
  expect(readdirSync(folder)).toEqual([]);
  expect(gatewaysLeft()).toEqual([]);
});
