/**
 * RELIABILITY check 12: answers by chance (any bytes, repeated headers, empty, of ten megabytes, streamed, from a file, to a
 * client that leaves) are replayed by every store as they were, byte for byte on the wire (I4), and run once.
 */
import { createReadStream, rmSync, mkdtempSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { idempotency } from 'oncekey/node';
import { afterAll, expect, test, type TestContext } from 'vitest';
import { openPlace } from '../../../../tools/faults/place.ts';
import { type Random, randomBy, seedOfRun } from '../../../../tools/faults/seed.ts';
import type { Stand } from '../../../../tools/faults/stand.ts';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { exchange, type Reply, requestBytes, send } from '../../src/testing/http/wire.ts';
import { allStores, forStores } from './stands.ts';

const answers = 12;
const largeBytes = 10 * 1024 * 1024;
const seed = seedOfRun();
const folder = mkdtempSync(join(tmpdir(), 'oncekey-answers-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One answer, and how it is written. */
interface Planned {
  readonly status: number;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Buffer;
  readonly how: 'end' | 'chunks' | 'counted' | 'file';
}

const statuses = [200, 201, 202, 204, 301, 404, 422, 500];
const sizes = [0, 1, 300, 4096, 65_537, 200_000];

function bytesBy(random: Random, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at++) bytes[at] = random(256);
  return bytes;
}

function planBy(random: Random): Planned {
  const pick = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const status = pick(statuses);
  const headers = Array.from({ length: random(5) }, () => {
    const value = bytesBy(random, random(30)).toString('hex');
    return [pick(['X-One', 'x-one', 'Link', 'Content-Type', 'X-Two']), value] as const;
  });
  const body = status === 204 ? Buffer.alloc(0) : bytesBy(random, pick(sizes));
  return { status, headers, body, how: pick(['end', 'chunks', 'counted', 'file'] as const) };
}

async function write({ status, headers, body, how }: Planned, response: ServerResponse): Promise<void> {
  const counted = how === 'counted' && status !== 204 ? [['Content-Length', String(body.length)] as const] : [];
  response.writeHead(status, [...headers, ...counted].flat());
  if (how === 'end') response.end(body);
  else if (how === 'file') {
    const path = join(folder, `${body.length}-${body.subarray(0, 16).toString('hex')}`);
    writeFileSync(path, body);
    await pipeline(createReadStream(path), response);
  } else {
    for (let at = 0; at < body.length; at += 30_000) response.write(body.subarray(at, at + 30_000));
    response.end();
  }
}

interface Service {
  readonly port: number;
  /** What the next request is answered. */
  answer: Planned;
  runs: number;
  ended: number;
}

async function serve({ place }: Stand, { onTestFinished }: TestContext, answer: Planned): Promise<Service> {
  const { store, close } = await openPlace(place);
  const protect = idempotency({ store, scope: 'public', maxResponseBytes: largeBytes + 1, storeTimeoutMs: 20_000 });
  const service = { port: 0, answer, runs: 0, ended: 0 };
  const handler = protect(async (_request: IncomingMessage, response: ServerResponse) => {
    service.runs += 1;
    await write(service.answer, response);
    service.ended += 1;
  });
  const server = createServer(handler as (request: IncomingMessage, response: ServerResponse) => void);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    server.close();
    await close();
  });
  service.port = (server.address() as AddressInfo).port;
  return service;
}

const ofOneConnection = new Set(['date', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

/** What has to be the same in a replay: the order of lines counts among those of one name only (RFC 9110, 5.3). */
function told({ status, lines, body }: Reply): unknown {
  const headers = lines
    .filter(([name]) => !ofOneConnection.has(name) && name !== 'idempotent-replayed')
    .toSorted(([one], [other]) => (one < other ? -1 : Number(one > other)));
  return { status, headers, body: body.toString('base64') };
}

forStores(allStores, (name, stand) => {
  /** The second answer. A hot store in trouble may say for a second that the first still runs (decision 14); no other store may. */
  async function again(port: number, key: string): Promise<Reply> {
    let reply = await send(port, { key });
    const settled = async (): Promise<boolean> => {
      if (reply.status === 409) reply = await send(port, { key });
      return reply.status !== 409;
    };
    if (name === 'tiered') await waitUntil(`${key} is no longer in progress`, settled, { deadlineMs: 3000 });
    return reply;
  }

  test(`${name}: ${answers} answers by chance are replayed byte for byte`, async (context) => {
    const random = randomBy(seed);
    const service = await serve(stand(), context, planBy(random));
    for (let count = 0; count < answers; count++) {
      service.answer = planBy(random);
      const { status, body, how } = service.answer;
      const what = `answer ${count}: ${status}, ${body.length} bytes by ${how}`;
      const key = `chance-${name}-${count}`;
      const first = await send(service.port, { key });
      const replay = await again(service.port, key);
      expect({ what, same: first.body.equals(body) }).toEqual({ what, same: true });
      expect({ what, marker: replay.header('idempotent-replayed') }).toEqual({ what, marker: 'true' });
      expect({ what, told: told(replay) }).toEqual({ what, told: told(first) });
    }
    expect(service.runs).toBe(answers);
  });

  test(`${name}: an answer of ten megabytes is replayed byte for byte`, async (context) => {
    const body = Buffer.alloc(largeBytes, bytesBy(randomBy(seed), 64 * 1024));
    const service = await serve(stand(), context, { status: 200, headers: [], body, how: 'chunks' });
    const key = `large-${name}`;
    const first = await send(service.port, { key });
    const replay = await again(service.port, key);
    expect([first.body.equals(body), replay.body.equals(body), service.runs]).toEqual([true, true, 1]);
    expect(replay.header('idempotent-replayed')).toBe('true');
  });

  test(`${name}: a client that leaves in the middle finds its answer when it comes back`, async (context) => {
    const body = bytesBy(randomBy(seed), 100_000);
    const service = await serve(stand(), context, { status: 201, headers: [['X-One', 'a']], body, how: 'chunks' });
    const key = `left-${name}`;
    await exchange(service.port, (socket) => {
      socket.write(requestBytes({ key }));
      socket.once('data', () => socket.destroy());
    }).catch(() => 'left');
    await waitUntil('the work has ended', () => service.ended === 1);
    await waitUntil('its outcome is stored', async () => (await send(service.port, { key })).status !== 409);
    const replay = await again(service.port, key);
    expect([replay.status, replay.body.equals(body), service.runs]).toEqual([201, true, 1]);
  });
});
