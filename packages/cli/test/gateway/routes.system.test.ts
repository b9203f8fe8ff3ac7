/** Routes of the config file through a real gateway: each setting holds where it was said, and nowhere else; what is wrong is told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, startGateway, type GatewayProcess } from '../support/program.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { ask, type WireAnswer } from '../support/wire.ts';

let folder: string;
let upstream: Upstream;
let gateway: GatewayProcess;
let keys = 0;

const routes = [
  { match: 'POST /strict/*', 'missing-key': 'reject', 'key-format': 'strict', 'max-request-bytes': 100 },
  { match: 'PUT /puts', 'server-errors': 'store', 'replay-header': 'X-Again' },
  { match: '/named/*', operation: 'named', 'error-format': 'envelope' },
  { match: '/strict/**', 'replay-header': 'X-Never' },
  { match: '/broken', 'server-errors': 'release' },
];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oncekey-routes-'));
  upstream = await startUpstream((call, response, count) => {
    response.writeHead(call.target.startsWith('/broken') || call.method === 'PUT' ? 503 : 201).end(`answer ${count}`);
  });
  const path = file({ 'replay-header': 'X-Base', routes });
  gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:', '--config', path]);
});

afterAll(async () => {
  await gateway.kill();
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(content: unknown): string {
  const path = join(folder, `${++keys}.json`);
  writeFileSync(path, JSON.stringify(content));
  return path;
}

function order(method: string, target: string, key: string | null, body = '{}'): Promise<WireAnswer> {
  const keyed = key === null ? [] : [['Idempotency-Key', key] as const];
  return ask(gateway.port, method, target, [...keyed, ['Authorization', 'a']], body);
}

/** The header that marks the second of two, and how many reached the service. */
async function twice(method: string, target: string, key = `"k${++keys}"`): Promise<[string | undefined, number]> {
  const before = upstream.calls.length;
  await order(method, target, key);
  const { lines } = await order(method, target, key);
  return [lines.find(([, value]) => value === 'true')?.[0], upstream.calls.length - before];
}

describe('a route', () => {
  it('has its own settings; everywhere else those of the gateway hold', async () => {
    expect((await order('POST', '/strict/1', null)).status).toBe(400);
    expect((await order('POST', '/strict/1', 'bare')).status).toBe(400);
    expect((await order('POST', '/strict/1', '"k"', 'x'.repeat(101))).status).toBe(413);
    expect((await order('POST', '/other', null)).status).toBe(201);
    expect((await order('POST', '/other', 'bare', 'x'.repeat(101))).status).toBe(201);
    expect(await twice('POST', '/other')).toEqual(['X-Base', 1]);
  });

  it('keeps what it does not say, and the first that matches holds', async () => {
    expect(await twice('POST', '/strict/2')).toEqual(['X-Base', 1]);
    expect(await twice('POST', '/strict/2/lines')).toEqual(['X-Never', 1]);
  });

  it('protects the methods it names', async () => {
    expect(await twice('PUT', '/puts')).toEqual(['X-Again', 1]);
    expect(await twice('PUT', '/others')).toEqual([undefined, 2]);
  });

  it('says what a failure leaves behind', async () => {
    expect(await twice('POST', '/broken')).toEqual([undefined, 2]);
  });

  it('with an operation has keys of its own; without one a key is the same everywhere', async () => {
    const key = `"k${++keys}"`;
    expect((await order('POST', '/other', key)).status).toBe(201);
    expect((await order('POST', '/named/1', key)).status).toBe(201);
    expect((await order('POST', '/another', key)).status).toBe(422);
    const reused = await order('POST', '/named/2', key);
    expect([reused.status, JSON.parse(reused.body.toString())]).toMatchObject([422, { success: false }]);
  });
});

const wrong: readonly [routes: unknown, says: RegExp][] = [
  ['POST /x', /routes in .*: a list/],
  [{ match: '/x' }, /routes in .*: a list/],
  [['/x'], /routes\[0\] in .*: an object/],
  [[{ 'lease-ms': 5000 }], /routes\[0\] in .*: match is missing/],
  [[{ match: '/x' }, { match: 'x' }], /routes\[1\]\.match in .*"x" will not do/],
  [[{ match: 7 }], /routes\[0\]\.match in .*"7"/],
  [[{ match: 'GET /x' }], /routes\[0\]\.match in .*"GET"/],
  [[{ match: '/x', 'lease-ms': 'soon' }], /routes\[0\]\.lease-ms in .*"soon"/],
  [[{ match: '/x', 'lease-ms': null }], /routes\[0\]\.lease-ms in .*wanted/],
  [[{ match: '/x', 'leese-ms': 5 }], /unknown setting "routes\[0\]\.leese-ms"/],
  [[{ match: '/x', store: 'memory:' }], /routes\[0\]\.store in .*cannot differ by route/],
  [[{ match: '/x', mode: 'observe' }], /routes\[0\]\.mode in .*cannot differ by route/],
  [[{ match: '/x', operation: ' ' }], /routes\[0\]\.operation in .*1 to 255/],
  [[{ match: '/x', routes: [] }], /unknown setting "routes\[0\]\.routes"/],
  [[{ match: '/x', __proto__x: 1 }], /unknown setting "routes\[0\]\.__proto__x"/],
];

it('what is wrong in a route ends with exit code 2 and one line that names it', async () => {
  const told = await Promise.all(
    wrong.map(async ([given, says]) => {
      const flags = ['--upstream', 'http://127.0.0.1:9', '--store', 'memory:', '--config', file({ routes: given })];
      const { code, stdout, stderr } = await runProgram(['gateway', ...flags]);
      return code === 2 && stdout === '' && says.test(stderr) && /^oncekey: [^\n]+\n$/.test(stderr) ? '' : stderr;
    }),
  );
  expect(told.filter((stderr) => stderr !== '')).toEqual([]);
});
