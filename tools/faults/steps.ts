/**
 * Kills the server of examples/payments-steps at every boundary of its steps: before a
 * service has had its effect, after it and before it is told, and once the order is
 * answered. The next services honour `work.key`, so that each effect is there once
 * (RELIABILITY check 3).
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import type { KillPlan } from './killed-worker.ts';
import { Tally } from './tally.ts';

const paths = ['/stock', '/charges', '/mails'] as const;
const moments = ['before', 'after'] as const;
const leaseMs = 300;
const patienceMs = 20_000;

/** Where a server is killed: at a service, before its effect or after it. */
interface Boundary {
  readonly path: string;
  readonly moment: (typeof moments)[number];
}

const boundaries: readonly Boundary[] = paths.flatMap((path) => moments.map((moment) => ({ path, moment })));

/** Plays it for the repository at `root`: one order for each kill, at one boundary after the other. */
export async function killAtSteps(root: string, { kills, signal, step }: KillPlan): Promise<Tally> {
  const tally = new Tally();
  const folder = mkdtempSync(join(tmpdir(), 'oncekey-steps-'));
  const services = new Services();
  await services.listen();
  try {
    for (let round = 0; round < kills && signal?.aborted !== true; round++) {
      const boundary = boundaries[round % boundaries.length] as Boundary;
      // One order after the other: each is judged by itself.
      // oxlint-disable-next-line no-await-in-loop
      await playOrder(root, folder, services, `order-${round}`, boundary, tally);
      tally.runs += 1;
      tally.count(`${boundary.moment} ${boundary.path}`);
      step?.();
    }
  } finally {
    await services.close();
    rmSync(folder, { recursive: true, force: true });
  }
  return tally;
}

async function playOrder(
  root: string,
  folder: string,
  services: Services,
  key: string,
  boundary: Boundary,
  tally: Tally,
): Promise<void> {
  const first = await start(root, folder, services.url);
  services.expect(boundary, first.child);
  // It is killed in the middle of this one.
  const lost = await order(first.url, key).catch(() => undefined);
  tally.expect(lost === undefined, () => `${key}: was answered though its server was to be killed`);
  await ended(first.child);
  const second = await start(root, folder, services.url);
  const answer = await settled(second.url, key);
  const again = await order(second.url, key);
  tally.expect(answer?.status === 201, () => `${key}: answered ${answer?.status} in the end`);
  const isReplay = again.headers.get('Idempotent-Replayed') === 'true' && (await again.text()) === answer?.body;
  tally.expect(isReplay, () => `${key}: its answer was not replayed`);
  for (const path of paths) {
    const effects = services.take(path);
    tally.expect(
      effects === 1,
      () => `${key}: ${path} had ${effects} effects, killed ${boundary.moment} ${boundary.path}`,
    );
  }
  second.child.kill('SIGKILL');
  await ended(second.child);
}

async function settled(url: string, key: string): Promise<{ status: number; body: string } | undefined> {
  const untilMs = performance.now() + patienceMs;
  while (performance.now() < untilMs) {
    const answer = await order(url, key);
    const body = await answer.text();
    if (answer.status !== 409) return { status: answer.status, body };
    await pause(50);
  }
  return undefined;
}

function order(url: string, key: string): Promise<Response> {
  const headers = { Authorization: 'acme', 'Idempotency-Key': key, 'Content-Type': 'application/json' };
  return fetch(`${url}/orders`, { method: 'POST', headers, body: '{"amount":4200}' });
}

async function start(root: string, folder: string, services: string): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(root, 'examples/payments-steps/server.js')], {
    cwd: folder,
    env: { ...process.env, SERVICES: services, PORT: '0', LEASE_MS: String(leaseMs) },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, url: (JSON.parse(line) as { url: string }).url };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** The services behind the steps: each has one effect for a key, and kills who asks when it is told to. */
class Services {
  readonly #made = new Map<string, string>();
  readonly #effects = new Map<string, number>();
  readonly #server: Server;
  #boundary: (Boundary & { readonly victim: ChildProcess }) | undefined;

  constructor() {
    this.#server = createServer((request, response) => {
      const path = request.url ?? '';
      const key = String(request.headers['idempotency-key']);
      request.resume();
      if (this.#kills(path, 'before')) return void response.destroy();
      if (!this.#made.has(key)) {
        this.#made.set(key, `${path.slice(1)}_${this.#made.size}`);
        this.#effects.set(path, (this.#effects.get(path) ?? 0) + 1);
      }
      if (this.#kills(path, 'after')) return void response.destroy();
      response.end(JSON.stringify({ id: this.#made.get(key) }));
    });
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  /** From now on `victim` is killed at this boundary, once. */
  expect(boundary: Boundary, victim: ChildProcess): void {
    this.#boundary = { ...boundary, victim };
  }

  /** How many effects the service had since this was asked. */
  take(path: string): number {
    const effects = this.#effects.get(path) ?? 0;
    this.#effects.delete(path);
    return effects;
  }

  #kills(path: string, moment: Boundary['moment']): boolean {
    const boundary = this.#boundary;
    if (boundary?.path !== path || boundary.moment !== moment) return false;
    this.#boundary = undefined;
    return boundary.victim.kill('SIGKILL');
  }
}
