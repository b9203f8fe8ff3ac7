/**
 * What a walk through a profile's column of SEMANTICS section 3 is made of: an obedient
 * service, gateways in front of it with that profile, and cells as data (what is seen, what
 * it must be). A cell belongs to a row of the table; a walk leaves no row out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { startUpstream, type Act, type Upstream } from '../support/upstream.ts';
import { ask, type WireAnswer } from '../support/wire.ts';

/** The rows of the table. */
export const rows = [
  'entry',
  'scope',
  'unusable key',
  'fingerprint',
  'duplicate in flight',
  'other payload',
  'replay',
  '401, 403, 407 and other 4xx',
  '5xx or throw',
  'after a crash',
  'sizes',
  'store',
  'beyond',
] as const;

/** One row. */
export type Row = (typeof rows)[number];

/** What is looked at in a row, and what must be seen. */
export interface Cell {
  readonly row: Row;
  readonly what: string;
  readonly see: (walk: Walk) => Promise<unknown>;
  readonly is: unknown;
}

/** A request; what is not said is as in every other. */
export interface Order {
  readonly key?: string | null;
  readonly user?: string | null;
  readonly method?: string;
  readonly target?: string;
  readonly body?: string | Buffer;
  readonly type?: string;
}

/** What came back. */
export interface Told {
  readonly status: number;
  readonly body: string;
  /** The refusal's code; empty where there is none. */
  readonly code: string;
  /** The header that marks a replay. */
  readonly marker: string | undefined;
  readonly answer: WireAnswer;
}

/** Answers as the request's query asks: status, ms, bytes, or by breaking the connection. */
const obedient: Act = async (call, response, count) => {
  const { searchParams } = new URL(call.target, 'http://upstream.test');
  await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get('ms') ?? 0)));
  if (searchParams.has('break')) return void response.destroy();
  const size = Number(searchParams.get('bytes') ?? 0);
  response.writeHead(Number(searchParams.get('status') ?? 201), {
    'Content-Type': 'application/json',
    Location: `/orders/${count}`,
    ETag: `"${count}"`,
    'Cache-Control': 'max-age=60',
  });
  response.end(size > 0 ? Buffer.alloc(size, 0x61) : JSON.stringify({ id: `o-${count}` }));
};

let keys = 0;

/** A key that no other cell uses. */
export function newKey(): string {
  return `key-${++keys}`;
}

/** One profile behind a gateway. */
export class Walk {
  readonly profile: string;
  readonly upstream: Upstream;
  readonly folder: string;
  readonly #opened: { close(): Promise<void> }[] = [];
  #main: GatewayProcess | undefined;

  constructor(profile: string, upstream: Upstream, folder: string) {
    this.profile = profile;
    this.upstream = upstream;
    this.folder = folder;
  }

  /** A gateway of its own with these flags beside the profile; over a new SQLite file when no store is named. */
  async gateway(...flags: string[]): Promise<GatewayProcess> {
    const store = flags.includes('--store') ? [] : ['--store', `sqlite:${join(this.folder, `${newKey()}.db`)}`];
    const all = ['--upstream', this.upstream.url, '--profile', this.profile, ...store, ...flags];
    const gateway = await startGateway(all);
    this.#opened.push({ close: () => gateway.kill() });
    return gateway;
  }

  /** The gateway that most cells share. */
  async main(): Promise<GatewayProcess> {
    return (this.#main ??= await this.gateway());
  }

  /** Sends a request and takes what is told apart. */
  async order(order: Order = {}, gateway?: GatewayProcess): Promise<Told> {
    const { port } = gateway ?? (await this.main());
    const { method = 'POST', target = '/orders', key = newKey(), user = 'alice', body = '{"a":1}' } = order;
    const answer = await ask(
      port,
      method,
      target,
      [
        ...(key === null ? [] : [['Idempotency-Key', Buffer.from(key).toString('latin1')] as const]),
        ...(user === null ? [] : [['Authorization', user] as const]),
        ['Content-Type', order.type ?? 'application/json'],
      ],
      body,
    );
    const marker = answer.lines.find(([name, value]) => value === 'true' && /replay/i.test(name))?.[0];
    return { status: answer.status, body: answer.body.toString(), code: codeOf(answer), marker, answer };
  }

  /** Sends a request, then again (`again` over it): the second answer, and how many reached the service. */
  async twice(order: Order = {}, again: Order = {}, gateway?: GatewayProcess): Promise<Told & { calls: number }> {
    const key = order.key === undefined ? newKey() : order.key;
    const before = this.upstream.heads();
    await this.order({ ...order, key }, gateway);
    const second = await this.order({ ...order, key, ...again }, gateway);
    return { ...second, calls: this.upstream.heads() - before };
  }

  /** In short: status, code and marker of the second answer, and how many reached the service. */
  async briefly(order: Order = {}, again: Order = {}): Promise<unknown[]> {
    const { status, code, marker, calls } = await this.twice(order, again);
    return [status, code, marker, calls];
  }

  /** Those of the statuses after which a repeat runs again. */
  async released(statuses: readonly number[]): Promise<number[]> {
    const each = await Promise.all(
      statuses.map(async (status) => {
        const key = newKey();
        const target = `/orders?status=${status}`;
        await this.order({ key, target });
        return (await this.order({ key, target })).marker === undefined ? [status] : [];
      }),
    );
    return each.flat();
  }

  /** Those of the methods that are protected. */
  async protects(methods: readonly string[]): Promise<string[]> {
    const each = [];
    // oxlint-disable-next-line no-await-in-loop -- calls are counted
    for (const method of methods) each.push((await this.twice({ method })).calls === 1 ? [method] : []);
    return each.flat();
  }

  /** What a duplicate is told while the first runs, and the first in the end. */
  async inFlight(): Promise<Told & { first: number }> {
    const order = { key: newKey(), target: '/orders?ms=400' };
    const before = this.upstream.heads();
    const first = this.order(order);
    await this.until(() => this.upstream.heads() > before);
    const second = await this.order(order);
    return { ...second, first: (await first).status };
  }

  /** Kills a gateway in the middle of the work: what another one on the same store tells, and whether it warned. */
  async crash(
    ...flags: string[]
  ): Promise<{ early: number; late: number; marker: string | undefined; warned: boolean }> {
    const store = ['--store', `sqlite:${join(this.folder, `${newKey()}.db`)}`, '--lease-ms', '3000', ...flags];
    const [first, second] = [await this.gateway(...store), await this.gateway(...store)];
    const order = { key: newKey(), target: '/orders?ms=700' };
    const before = this.upstream.heads();
    const lost = this.order(order, first);
    await this.until(() => this.upstream.heads() > before);
    await first.kill();
    await lost;
    const { status: early } = await this.order(order, second);
    let late = await this.order(order, second);
    // oxlint-disable-next-line no-await-in-loop -- asked again until the lease is over
    while (late.status === 409) late = await this.order(order, second);
    const warned = second.log().some(({ event, level }) => event === 'taken-over' && level === 40);
    return { early, late: late.status, marker: late.marker, warned };
  }

  /** Whether a repeat is answered after the gateway was killed and another one started on its file. */
  async survivesKill(): Promise<[status: number, marker: string | undefined]> {
    const store = `sqlite:${join(this.folder, `${newKey()}.db`)}`;
    const order = { key: newKey() };
    const first = await this.gateway('--store', store);
    await this.order(order, first);
    await first.kill();
    const { status, marker } = await this.order(order, await this.gateway('--store', store));
    return [status, marker];
  }

  /** Resolves when `enough` holds. */
  async until(enough: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + 20_000;
    while (!enough()) {
      if (performance.now() > deadlineMs) throw new Error('it did not come to that in 20 s');
      // oxlint-disable-next-line no-await-in-loop -- waits for a condition
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#opened.map((each) => each.close()));
  }
}

/** Makes a test of each cell, and one that no row is left out. */
export function walkThrough(profile: string, cells: readonly Cell[]): void {
  let walk: Walk | undefined;
  let upstream: Upstream | undefined;
  const folder = mkdtempSync(join(tmpdir(), `oncekey-${profile}-`));
  beforeAll(async () => {
    upstream = await startUpstream(obedient);
    walk = new Walk(profile, upstream, folder);
  });
  afterAll(async () => {
    await walk?.close();
    await upstream?.close();
    rmSync(folder, { recursive: true, force: true });
  });
  it('every row of the table is walked', () => {
    expect(rows.filter((row) => !cells.some((cell) => cell.row === row))).toEqual([]);
  });
  it.each(cells)('$row: $what', async ({ see, is }) => {
    if (walk === undefined) throw new Error('the walk is there in cases only');
    expect(await see(walk)).toEqual(is);
  });
}

function codeOf({ body }: WireAnswer): string {
  try {
    const parsed = JSON.parse(body.toString('utf8')) as { code?: string; error?: { code: string } };
    return parsed.code ?? parsed.error?.code ?? '';
  } catch {
    return '';
  }
}
