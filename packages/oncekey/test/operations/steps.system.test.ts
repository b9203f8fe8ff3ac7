/**
 * A worker killed at every boundary of its steps, over a real file: whoever takes over (a
 * repeat of the call, or a completer) goes on after the last saved step, and because the
 * next service honours `work.key`, no step has its effect twice.
 */
import { spawn } from 'node:child_process';
import { once as happened } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { createCompleter, createOnce, type Finish, type Work } from '../../src/index.ts';
import { sqlite } from '../../src/stores/sqlite.ts';
import { testFolder } from '../stores/sqlite/folder.ts';

const newPath = testFolder();
const workerPath = fileURLToPath(new URL('steps/worker.js', import.meta.url));
const call = { scope: ['acme'], operation: 'order.pay', key: 'order-17' };
const steps = ['reserve', 'charge', 'ship'] as const;
const leaseMs = 600;

/** A service that makes one effect a key, as ours would with `oncekey/express` in front of it. */
interface NextService {
  readonly url: string;
  /** Effects in the order made. */
  readonly effects: string[];
  /** Requests by step. */
  readonly requests: string[];
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.close();
    server.closeAllConnections();
  }
});

async function nextService(): Promise<NextService> {
  const effects: string[] = [];
  const requests: string[] = [];
  const answers = new Map<string, string>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const name = Buffer.concat(chunks).toString();
      const key = String(request.headers['idempotency-key']);
      requests.push(name);
      if (!answers.has(key)) {
        effects.push(name);
        answers.set(key, JSON.stringify({ id: `${name}_${effects.length}` }));
      }
      response.end(answers.get(key));
    });
  }).listen(0, '127.0.0.1');
  servers.push(server);
  await happened(server, 'listening');
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, effects, requests };
}

async function killAt(stopAt: string, path: string, service: string): Promise<void> {
  const task = JSON.stringify({ path, service, stopAt, leaseMs });
  const worker = spawn(process.execPath, [workerPath, task], { stdio: ['ignore', 'pipe', 'inherit'] });
  const stopped = happened(worker.stdout, 'data').then(() => true);
  const ended = happened(worker, 'exit').then(() => false);
  if (!(await Promise.race([stopped, ended]))) throw new Error(`the worker never came to ${stopAt}`);
  worker.kill('SIGKILL');
  await ended;
}

async function pay(work: Work, service: string): Promise<string[]> {
  const done: string[] = [];
  for (const name of steps) {
    const effect = await work.step(name, async () => {
      const headers = { 'Idempotency-Key': work.key(name) };
      const answer = await fetch(service, { method: 'POST', headers, body: name });
      return (await answer.json()) as { id: string };
    });
    done.push(effect.id);
  }
  return done;
}

const places = steps.flatMap((name, at) =>
  (['before', 'after', 'saved'] as const).map((when) => {
    // A step whose effect was made but not saved is asked for once more, under the same key.
    const again = when === 'after' ? [name] : [];
    return { where: `${when} ${name}`, requests: [...steps.slice(0, at), name, ...again, ...steps.slice(at + 1)] };
  }),
);

describe.each(places)('killed $where', ({ where, requests }) => {
  test('the next attempt makes each effect once', async () => {
    const service = await nextService();
    const path = newPath();
    await killAt(where, path, service.url);
    const store = sqlite(path);
    const once = createOnce({ store, leaseMs, inProgress: 'wait' });
    const result = await once.run(call, (work) => pay(work, service.url));
    expect(result).toMatchObject({ value: ['reserve_1', 'charge_2', 'ship_3'], record: { attempt: 2 } });
    expect(service).toMatchObject({ effects: steps, requests });
    await store.close();
  });
});

test('a completer finishes what a killed worker left, and a repeat gets its value', async () => {
  const service = await nextService();
  const path = newPath();
  await killAt('after charge', path, service.url);
  const store = sqlite(path);
  const once = createOnce({ store, leaseMs });
  const finish: Finish = (_record, work) => pay(work, service.url);
  const finished = new Promise<number>((resolve, reject) => {
    const completer = createCompleter({
      once,
      handlers: { 'order.pay': finish },
      pauseMs: 50,
      onEvent: (event) => {
        if (event.kind === 'finished') completer.stop().then(() => resolve(event.attempt), reject);
        else reject(new Error(event.kind));
      },
    });
  });
  expect(await finished).toBe(2);
  const repeat = await once.run(call, () => Promise.reject(new Error('must not run')));
  expect(repeat.value).toEqual(['reserve_1', 'charge_2', 'ship_3']);
  expect(service).toMatchObject({ effects: steps, requests: ['reserve', 'charge', 'charge', 'ship'] });
  await store.close();
});
