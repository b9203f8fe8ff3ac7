/**
 * The protocol as a client sees it through the gateway: lost replies, storms, reuse, sizes,
 * scopes. What each profile promises is walked through in test/profiles.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { startUpstream, type Act, type Upstream } from '../support/upstream.ts';
import { ask, exchange, requestText, Wire, type WireAnswer } from '../support/wire.ts';

type Line = readonly [string, string];

/** Answers with the status that the request asks for, after the time it asks for. */
const obedient: Act = async (call, response, count) => {
  const { searchParams } = new URL(call.target, 'http://upstream.test');
  await new Promise((resolve) => setTimeout(resolve, Number(searchParams.get('ms') ?? 0)));
  const size = Number(searchParams.get('bytes') ?? 0);
  response.writeHead(Number(searchParams.get('status') ?? 201), {
    'Content-Type': 'application/json',
    Location: `/orders/${count}`,
    ETag: `"${count}"`,
    'Cache-Control': 'max-age=60',
    'Set-Cookie': 'session=1',
  });
  response.end(size > 0 ? Buffer.alloc(size, 0x61) : JSON.stringify({ order: count }));
};

let upstream: Upstream;
const gateways = new Map<string, GatewayProcess>();
let lastKey = 0;

beforeAll(async () => {
  upstream = await startUpstream(obedient);
});

afterAll(async () => {
  await Promise.all([...gateways.values()].map((gateway) => gateway.kill()));
  await upstream.close();
});

/** One gateway for each set of flags, started on first use. */
async function behind(...flags: string[]): Promise<{ port: number; log: GatewayProcess['log'] }> {
  const name = flags.join(' ');
  let gateway = gateways.get(name);
  if (gateway === undefined) {
    gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:', ...flags]);
    gateways.set(name, gateway);
  }
  return gateway;
}

function newKey(): string {
  lastKey += 1;
  return `key-${lastKey}`;
}

function keyed(key: string, user = 'alice'): Line[] {
  return [
    ['Idempotency-Key', key],
    ['Authorization', user],
    ['Content-Type', 'application/json'],
  ];
}

function codeOf(answer: WireAnswer): string {
  const body = JSON.parse(answer.body.toString('utf8')) as { code?: string; error?: { code: string } };
  return body.code ?? body.error?.code ?? '';
}

/** How many requests reached upstream while `act` ran. */
async function callsDuring(act: () => Promise<unknown>): Promise<number> {
  const before = upstream.calls.length;
  await act();
  return upstream.calls.length - before;
}

describe('the main job', () => {
  it('answers a retry after a lost reply with the first answer', async () => {
    const { port } = await behind();
    const key = newKey();
    const wire = new Wire(port);
    wire.send(requestText('POST', '/orders?ms=100', keyed(key), '{"a":1}'));
    const before = upstream.calls.length;
    while (upstream.calls.length === before) await new Promise((resolve) => setTimeout(resolve, 5));
    wire.end();
    let again = await ask(port, 'POST', '/orders?ms=100', keyed(key), '{"a":1}');
    while (again.status === 409) again = await ask(port, 'POST', '/orders?ms=100', keyed(key), '{"a":1}');
    expect(again.status).toBe(201);
    expect(again.header('idempotent-replayed')).toEqual(['true']);
    expect(upstream.calls.length).toBe(before + 1);
  });

  it('lets one of fifty parallel duplicates through; the others are refused or replayed', async () => {
    const { port } = await behind();
    const key = newKey();
    let answers: WireAnswer[] = [];
    const calls = await callsDuring(async () => {
      const one = (): Promise<WireAnswer> => ask(port, 'POST', '/orders?ms=200', keyed(key), '{"a":1}');
      answers = await Promise.all(Array.from({ length: 50 }, one));
    });
    expect(calls).toBe(1);
    expect(
      answers.filter(({ status, header }) => status === 201 && header('idempotent-replayed').length === 0),
    ).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(answer.status).toBe(409);
      expect(answer.header('retry-after')).toEqual(['1']);
      expect(answer.header('content-type')).toEqual(['application/problem+json']);
      expect(codeOf(answer)).toBe('idempotency_in_progress');
    }
  });

  it('makes fifty parallel duplicates wait for one answer, when asked to', async () => {
    const { port } = await behind('--in-progress', 'wait');
    const key = newKey();
    let answers: WireAnswer[] = [];
    const calls = await callsDuring(async () => {
      const one = (): Promise<WireAnswer> => ask(port, 'POST', '/orders?ms=200', keyed(key), '{"a":1}');
      answers = await Promise.all(Array.from({ length: 50 }, one));
    });
    expect(calls).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(new Set(answers.map(({ body }) => body.toString()))).toHaveLength(1);
    expect(answers.filter(({ header }) => header('idempotent-replayed').length === 1)).toHaveLength(49);
  });

  it('replays status, body and end-to-end headers, not what belongs to one answer', async () => {
    const { port } = await behind();
    const key = newKey();
    const first = await ask(port, 'POST', '/orders', keyed(key), '{"a":1}');
    const replay = await ask(port, 'POST', '/orders', keyed(key), '{ "a": 1 }');
    expect([replay.status, replay.body.toString()]).toEqual([201, first.body.toString()]);
    for (const name of ['content-type', 'location', 'etag', 'cache-control']) {
      expect(replay.header(name)).toEqual(first.header(name));
    }
    expect(first.header('set-cookie')).toEqual(['session=1']);
    expect(replay.header('set-cookie')).toEqual([]);
  });

  it('refuses a key reused for another body, path or method, before anything else', async () => {
    const { port } = await behind();
    const key = newKey();
    await ask(port, 'POST', '/orders', keyed(key), '{"a":1}');
    const calls = await callsDuring(async () => {
      for (const [method, target, body] of [
        ['POST', '/orders', '{"a":2}'],
        ['POST', '/orders?x=1', '{"a":1}'],
        ['PATCH', '/orders', '{"a":1}'],
      ] as const) {
        const answer = await ask(port, method, target, keyed(key), body);
        expect([answer.status, codeOf(answer)]).toEqual([422, 'idempotency_key_reused']);
      }
    });
    expect(calls).toBe(0);
  });

  it('keeps scopes apart and refuses a key without one', async () => {
    const { port } = await behind();
    const key = newKey();
    const calls = await callsDuring(async () => {
      await ask(port, 'POST', '/orders', keyed(key, 'alice'), '{"a":1}');
      const bob = await ask(port, 'POST', '/orders', keyed(key, 'bob'), '{"a":2}');
      expect([bob.status, bob.header('idempotent-replayed')]).toEqual([201, []]);
    });
    expect(calls).toBe(2);
    const none = await ask(port, 'POST', '/orders', [['Idempotency-Key', key]], '{"a":1}');
    expect([none.status, codeOf(none)]).toEqual([400, 'idempotency_scope_missing']);
    const open = await behind('--no-scope', 'public');
    await ask(open.port, 'POST', '/orders', [['Idempotency-Key', key]], '{"a":1}');
    const shared = await ask(open.port, 'POST', '/orders', [['Idempotency-Key', key]], '{"a":1}');
    expect(shared.header('idempotent-replayed')).toEqual(['true']);
  });

  it('passes what is not protected, and what has no key', async () => {
    const { port } = await behind();
    const key = newKey();
    const calls = await callsDuring(async () => {
      for (const method of ['GET', 'PUT', 'DELETE']) {
        await ask(port, method, '/orders', keyed(key));
        await ask(port, method, '/orders', keyed(key));
      }
      await ask(port, 'POST', '/orders', [], '{"a":1}');
      await ask(port, 'POST', '/orders', [], '{"a":1}');
    });
    expect(calls).toBe(8);
    const strict = await behind('--missing-key', 'reject');
    const missing = await ask(strict.port, 'POST', '/orders', [['Authorization', 'a']], '{}');
    expect([missing.status, codeOf(missing)]).toEqual([400, 'idempotency_key_missing']);
  });
});

describe('what a key may be', () => {
  it.each([
    '',
    '   ',
    'x'.repeat(256),
    'a b',
    'a,b',
    '"open',
    'nöt-ascii',
    'a\tb',
    'undefined',
    '"null"',
    '[object Object]',
  ])('refuses %j and nothing reaches upstream', async (key) => {
    const { port } = await behind();
    const calls = await callsDuring(async () => {
      const answer = await ask(
        port,
        'POST',
        '/orders',
        [
          ['Idempotency-Key', key],
          ['Authorization', 'a'],
        ],
        '{}',
      );
      expect([answer.status, codeOf(answer)]).toEqual([400, 'idempotency_key_invalid']);
    });
    expect(calls).toBe(0);
  });

  it('refuses two key lines; takes 255 characters; a quoted key is the bare one', async () => {
    const { port } = await behind();
    const two: Line[] = [...keyed('one'), ['Idempotency-Key', 'one']];
    expect(codeOf(await ask(port, 'POST', '/orders', two, '{}'))).toBe('idempotency_key_invalid');
    expect((await ask(port, 'POST', '/orders', keyed('x'.repeat(255)), '{}')).status).toBe(201);
    const key = newKey();
    await ask(port, 'POST', '/orders', keyed(`"${key}"`), '{}');
    expect((await ask(port, 'POST', '/orders', keyed(key), '{}')).header('idempotent-replayed')).toEqual(['true']);
  });

  it('follows --key-format and --max-key-length', async () => {
    const strict = await behind('--key-format', 'strict', '--max-key-length', '8');
    expect((await ask(strict.port, 'POST', '/orders', keyed('bare'), '{}')).status).toBe(400);
    expect((await ask(strict.port, 'POST', '/orders', keyed('"quoted"'), '{}')).status).toBe(201);
    expect((await ask(strict.port, 'POST', '/orders', keyed('"nine-long"'), '{}')).status).toBe(400);
  });
});

describe('bodies', () => {
  it('refuses a keyed body over the cap before upstream hears of it, declared or not', async () => {
    const { port } = await behind('--max-request-bytes', '1000');
    const before = upstream.heads();
    const declared = await ask(port, 'POST', '/orders', keyed(newKey()), Buffer.alloc(1001));
    expect([declared.status, codeOf(declared)]).toEqual([413, 'request_too_large']);
    const head = requestText('POST', '/orders', [...keyed(newKey()), ['Transfer-Encoding', 'chunked']]);
    const chunk = `400\r\n${'x'.repeat(1024)}\r\n`;
    const undeclared = await exchange(port, Buffer.concat([head, Buffer.from(`${chunk}0\r\n\r\n`)]));
    expect(undeclared.toString('latin1')).toMatch(/^HTTP\/1.1 413 /);
    expect(upstream.heads()).toBe(before);
    expect((await ask(port, 'POST', '/orders', keyed(newKey()), Buffer.alloc(1000))).status).toBe(201);
    expect((await ask(port, 'POST', '/orders', [], Buffer.alloc(100_000))).status).toBe(201);
  });

  it('carries broken UTF-8 and broken JSON through byte for byte, and tells them apart', async () => {
    const { port } = await behind();
    const bodies = [
      Buffer.from([0x22, 0xff, 0x22]),
      Buffer.from([0x22, 0xfe, 0x22]),
      Buffer.from('{"a":'),
      Buffer.from('{"a":1'),
    ];
    for (const body of bodies) {
      const key = newKey();
      expect((await ask(port, 'POST', '/orders', keyed(key), body)).status).toBe(201);
      expect(upstream.calls.at(-1)?.body.equals(body)).toBe(true);
      expect((await ask(port, 'POST', '/orders', keyed(key), body)).header('idempotent-replayed')).toEqual(['true']);
      const other = Buffer.concat([body.subarray(0, -1), Buffer.from([0x7f])]);
      expect((await ask(port, 'POST', '/orders', keyed(key), other)).status).toBe(422);
    }
  });

  it('keeps a tombstone of an answer over the cap', async () => {
    const { port } = await behind('--max-response-bytes', '1000');
    const key = newKey();
    const first = await ask(port, 'POST', '/orders?bytes=5000', keyed(key), '{}');
    expect([first.status, first.body.length, first.whole]).toEqual([201, 5000, true]);
    const again = await ask(port, 'POST', '/orders?bytes=5000', keyed(key), '{}');
    expect([again.status, codeOf(again)]).toEqual([409, 'idempotency_outcome_not_kept']);
  });
});

describe('observing', () => {
  it('never refuses: too large, reused, in flight and keyless requests all pass', async () => {
    const { port } = await behind('--mode', 'observe', '--max-request-bytes', '1000');
    const key = newKey();
    const large = Buffer.alloc(300_000, 0x62);
    const calls = await callsDuring(async () => {
      expect((await ask(port, 'POST', '/orders', keyed(key), '{"a":1}')).status).toBe(201);
      expect((await ask(port, 'POST', '/orders', keyed(key), '{"a":2}')).status).toBe(201);
      expect((await ask(port, 'POST', '/orders', keyed('bad key'), '{"a":2}')).status).toBe(201);
      const head = requestText('POST', '/orders', [...keyed(newKey()), ['Transfer-Encoding', 'chunked']]);
      const chunks = Buffer.concat([
        Buffer.from(`${large.length.toString(16)}\r\n`),
        large,
        Buffer.from('\r\n0\r\n\r\n'),
      ]);
      expect((await exchange(port, Buffer.concat([head, chunks]))).toString('latin1')).toMatch(/^HTTP\/1.1 201 /);
      expect(upstream.calls.at(-1)?.body.equals(large)).toBe(true);
    });
    expect(calls).toBe(4);
  });
});

describe('profiles', () => {
  it('offline-pos sees all of a body, or nothing of it', async () => {
    const { port } = await behind('--profile', 'offline-pos', '--max-request-bytes', '1000');
    const key = newKey();
    const before = upstream.heads();
    const large = await ask(port, 'POST', '/orders', keyed(key), Buffer.alloc(2000));
    expect([large.status, codeOf(large)]).toEqual([413, 'request_too_large']);
    const wire = new Wire(port);
    wire.send(`POST /orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: ${key}\r\nContent-Length: 10\r\n\r\nhalf`);
    await new Promise((resolve) => setTimeout(resolve, 50));
    wire.end();
    let whole = await ask(port, 'POST', '/orders', keyed(key), '{}');
    while (whole.status === 409) whole = await ask(port, 'POST', '/orders', keyed(key), '{}');
    expect([whole.status, whole.header('idempotent-replay')]).toEqual([201, []]);
    expect(upstream.heads()).toBe(before + 1);
  });
});
