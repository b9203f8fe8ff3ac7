/**
 * Tables of the protocol's pieces: what is the same input (rule 3), which statuses are
 * kept (rule 7), which headers are replayed (rule 8), refusals in three formats (rule 6),
 * wrong options, scopes and CORS.
 */
import { describe, expect, it } from 'vitest';
import { readInput, type RequestInput } from '../../src/http/fingerprint.ts';
import { RecentFingerprints } from '../../src/http/recent-fingerprints.ts';
import { keptLines } from '../../src/http/headers.ts';
import type { ProtocolOptions } from '../../src/http/options.ts';
import { problemAnswer, problemOf } from '../../src/http/problem.ts';
import { refuse } from '../../src/http/replies.ts';
import { scopeOf } from '../../src/http/scope.ts';
import type { Ask, AskBody } from '../../src/http/seam.ts';
import { settle } from '../../src/http/settings.ts';
import { isStored } from '../../src/http/tape.ts';
import { memory } from '../../src/stores/memory.ts';

const settings = (options: ProtocolOptions = {}) => settle({ store: memory(), ...options });

interface Input {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly parsed?: unknown;
  readonly options?: ProtocolOptions;
}

function ask({ method = 'POST', headers = {} }: Input): Ask {
  return {
    method,
    target: '/',
    headerLines: (name) => (headers[name] === undefined ? [] : [headers[name]]),
    body: () => ({ kind: 'too-large' }),
    scope: () => [],
  };
}

async function inputOf(input: Input): Promise<RequestInput> {
  const body: Exclude<AskBody, { kind: 'too-large' }> =
    'parsed' in input
      ? { kind: 'parsed', value: input.parsed }
      : { kind: 'bytes', bytes: Buffer.from((input.body ?? '') as string) };
  return readInput(settings(input.options), ask(input), input.target ?? '/a?b=1', body);
}

async function fingerprintOf(input: Input): Promise<string | null> {
  return (await inputOf(input)).fingerprint(new RecentFingerprints());
}

const json = { 'content-type': 'application/json' };
const form = (boundary: string, content: string): Input => ({
  headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
  body: `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${content}\r\n--${boundary}--\r\n`,
});
const long = 'x'.repeat(20_000);

describe('the same input', () => {
  it.each<[string, Input, Input]>([
    [
      'order and space of JSON',
      { headers: json, body: '{"a":1,"b":2}' },
      { headers: json, body: '{ "b":2,\n"a":1.0 }' },
    ],
    [
      'parameters of the media type',
      { headers: json },
      { headers: { 'content-type': 'Application/JSON; charset=utf-8' } },
    ],
    ['another boundary', form('one', 'x'), form('two', 'x')],
    ['the same broken JSON', { headers: json, body: '{a' }, { headers: json, body: '{a' }],
  ])('%s', async (_, one, other) => {
    expect(await fingerprintOf(one)).toBe(await fingerprintOf(other));
  });

  it.each<[string, Input, Input]>([
    ['method', {}, { method: 'PATCH' }],
    ['path', {}, { target: '/b?b=1' }],
    ['query', {}, { target: '/a?b=2' }],
    ['media type', { headers: json, body: '1' }, { headers: { 'content-type': 'text/plain' }, body: '1' }],
    ['JSON value', { headers: json, body: '{"a":1}' }, { headers: json, body: '{"a":2}' }],
    ['JSON type', { headers: json, body: '{"a":1}' }, { headers: json, body: '{"a":"1"}' }],
    ['duplicate names', { headers: json, body: '{"a":1,"a":2}' }, { headers: json, body: '{"a":2}' }],
    ['large integers', { headers: json, body: '9007199254740993' }, { headers: json, body: '9007199254740992' }],
    ['JSON beyond the cap by bytes', { headers: json, body: `["${long}"]` }, { headers: json, body: `[ "${long}"]` }],
    ['space in other text', { body: 'a b' }, { body: 'a  b' }],
    ['content of a part', form('one', 'x'), form('one', 'y')],
    ['encoding', { body: 'x' }, { headers: { 'content-encoding': 'gzip' }, body: 'x' }],
    [
      'an opted-in header',
      { options: { fingerprintHeaders: ['X-V'] } },
      { headers: { 'x-v': '2' }, options: { fingerprintHeaders: ['x-v'] } },
    ],
    [
      'exact: white space',
      { headers: json, body: '[1]', options: { fingerprint: 'exact' } },
      { headers: json, body: '[1 ]', options: { fingerprint: 'exact' } },
    ],
  ])('differs in %s', async (_, one, other) => {
    expect(await fingerprintOf(one)).not.toBe(await fingerprintOf(other));
  });

  it.each<[string, Input, string]>([
    ['JSON', { headers: json, body: '{}' }, 'h1j'],
    ['+json', { headers: { 'content-type': 'application/vnd.api+json' }, body: '{}' }, 'h1j'],
    ['parsed', { headers: json, parsed: {} }, 'h1p'],
    ['large JSON', { headers: json, body: JSON.stringify(long) }, 'h1b'],
    ['encoded JSON', { headers: { ...json, 'content-encoding': 'gzip' }, body: '{}' }, 'h1b'],
    ['broken UTF-8', { headers: json, body: Uint8Array.of(0x22, 0xff, 0x22) }, 'h1b'],
    ['text', { body: 'x' }, 'h1b'],
    ['multipart', form('one', 'x'), 'h1m'],
    ['broken multipart', { ...form('one', 'x'), body: '--one\r\n' }, 'h1b'],
    ['exact', { headers: json, body: '{}', options: { fingerprint: 'exact' } }, 'h1x'],
  ])('%s is tagged', async (_, input, tag) => {
    expect(await fingerprintOf(input)).toMatch(new RegExp(`^${tag}:[0-9a-f]{64}$`));
  });

  it('is found by the algorithm of another record', async () => {
    const raw = { headers: json, body: '{"b":1,"a":2}' };
    const parsed = { headers: json, parsed: { a: 2, b: 1 } };
    expect((await inputOf(parsed)).by('h1j')).toBe(await fingerprintOf(raw));
    expect((await inputOf(raw)).by('h1p')).toBe(await fingerprintOf(parsed));
    expect((await inputOf({ ...raw, options: { fingerprint: 'exact' } })).by('h1j')).toBe(await fingerprintOf(raw));
    expect((await inputOf(parsed)).by('h1b')).toBeNull();
    expect((await inputOf(raw)).by('h9z')).toBeNull();
  });

  it('is not asked for where the first wins', async () => {
    expect(await fingerprintOf({ options: { fingerprint: 'none' } })).toBeNull();
  });

  it('needs a value that can be written', async () => {
    const self: unknown[] = [];
    self.push(self);
    await expect(fingerprintOf({ headers: json, parsed: self })).rejects.toThrow(/in front of the body parser/);
  });
});

describe('which answers are kept', () => {
  const kept = { safe: [500, 502, 504, 599], release: [], store: [500, 502, 503, 504, 599] };
  const always = [200, 201, 204, 206, 300, 301, 303, 307, 400, 402, 404, 410, 412, 422, 451, 499];
  const never = [101, 304, 401, 403, 407, 408, 409, 421, 423, 425, 429, 431];
  for (const serverErrors of ['safe', 'release', 'store'] as const) {
    it(`under ${serverErrors}`, () => {
      const own = settings({ serverErrors });
      const stored = [...always, ...never, 500, 502, 503, 504, 599].filter((status) => isStored(own, status));
      expect(stored).toEqual([...always, ...kept[serverErrors]]);
    });
  }
  it('as a profile says', () => {
    expect(isStored(settings({ releasedStatuses: [404] }), 404)).toBe(false);
    expect(isStored(settings({ releasedStatuses: [404] }), 409)).toBe(true);
  });
});

describe('which headers are replayed', () => {
  it.each([
    'Content-Type',
    'Location',
    'ETag',
    'Cache-Control',
    'Link',
    'Vary',
    'Content-Encoding',
    'Retry-After',
    'X-Own',
  ])('%s', (name) => {
    expect(keptLines([[name, 'x']], 'idempotent-replayed')).toEqual([[name, 'x']]);
  });
  it.each([
    'Connection',
    'Keep-Alive',
    'TE',
    'Trailer',
    'Transfer-Encoding',
    'Upgrade',
    'Proxy-Connection',
    'Date',
    'Content-Length',
    'Set-Cookie',
    'Authorization',
    'WWW-Authenticate',
    'Proxy-Authenticate',
    'Authentication-Info',
    'Access-Control-Allow-Origin',
    'Access-Control-Expose-Headers',
    'RateLimit',
    'RateLimit-Policy',
    'X-RateLimit-Remaining',
    'X-Rate-Limit-Limit',
    'traceparent',
    'tracestate',
    'X-Request-Id',
    'Server-Timing',
    'Idempotent-Replayed',
    'Idempotency-Key',
  ])('not %s', (name) => {
    expect(keptLines([[name, 'x']], 'idempotent-replayed')).toEqual([]);
  });
  it('not what Connection names', () => {
    expect(
      keptLines(
        [
          ['X-Hop', '1'],
          ['connection', 'close, x-HOP'],
          ['X-A', '1'],
        ],
        'm',
      ),
    ).toEqual([['X-A', '1']]);
  });
  it('repeats in their order', () => {
    const lines = [
      ['Link', '1'],
      ['X', 'y'],
      ['link', '2'],
    ] as const;
    expect(keptLines(lines, 'm')).toEqual(lines);
  });
  it.each(['a\r\nb', 'a\nb', 'a\0b'])('nothing that could split an answer', (value) => {
    expect(
      keptLines(
        [
          ['X-A', value],
          ['X-B', 'b'],
        ],
        'm',
      ),
    ).toEqual([['X-B', 'b']]);
  });
});

describe('refusals', () => {
  const body = (options: ProtocolOptions) =>
    JSON.parse(
      new TextDecoder().decode(problemAnswer(settings(options), 'in-progress', { retryAfterMs: 1 }).body),
    ) as unknown;

  it.each([
    ['key-missing', 400, 'idempotency_key_missing', 'use-new-key'],
    ['key-invalid', 400, 'idempotency_key_invalid', 'use-new-key'],
    ['scope-missing', 400, 'idempotency_scope_missing', 'stop'],
    ['key-reused', 422, 'idempotency_key_reused', 'use-new-key'],
    ['in-progress', 409, 'idempotency_in_progress', 'retry-same-key'],
    ['outcome-unknown', 409, 'idempotency_outcome_unknown', 'stop'],
    ['outcome-not-kept', 409, 'idempotency_outcome_not_kept', 'stop'],
    ['request-too-large', 413, 'request_too_large', 'stop'],
    ['store-unavailable', 503, 'idempotency_store_unavailable', 'retry-same-key'],
    ['work-failed', 500, 'idempotency_work_failed', 'stop'],
  ] as const)('%s', (kind, status, code, advice) => {
    const problem = problemOf(settings(), kind);
    expect(problem).toMatchObject({ status, code, advice, retryable: advice === 'retry-same-key' });
    expect(problem.message).not.toMatch(/[{}]/);
  });

  it('in three formats', () => {
    expect(body({})).toMatchObject({
      type: 'urn:oncekey:problem:idempotency_in_progress',
      title: 'Request in progress',
      status: 409,
      code: 'idempotency_in_progress',
      retryable: true,
      advice: 'retry-same-key',
    });
    const message = expect.any(String) as string;
    expect(body({ errorFormat: 'envelope' })).toEqual({
      success: false,
      data: null,
      error: { code: 'idempotency_in_progress', message },
    });
    expect(body({ errorFormat: 'stripe' })).toEqual({
      error: { type: 'idempotency_error', code: 'idempotency_in_progress', message },
    });
  });

  it('are never cached, say when to come back, and may be replaced', () => {
    const answer = problemAnswer(settings(), 'in-progress', { retryAfterMs: 1001 });
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'Cache-Control': 'no-store',
      'Retry-After': '2',
      'Content-Type': 'application/problem+json',
    });
    const own = { status: 400, headers: [], body: new Uint8Array(0) };
    expect(problemAnswer(settings({ renderProblem: () => own }), 'key-missing')).toBe(own);
  });

  it('may be read by chosen origins only', async () => {
    const lines = async (origin: string, corsOrigins: string[]) => {
      const answer = await refuse(settings({ corsOrigins }), ask({ headers: { origin } }), 'key-missing');
      return Object.fromEntries(answer.headers);
    };
    expect(await lines('https://a', ['https://a'])).toMatchObject({
      'Access-Control-Allow-Origin': 'https://a',
      'Access-Control-Expose-Headers': expect.stringContaining('Idempotent-Replayed, Retry-After') as string,
      Vary: 'Origin',
    });
    expect((await lines('https://b', ['https://a']))['Access-Control-Allow-Origin']).toBeUndefined();
    expect((await lines('https://b', ['*']))['Access-Control-Allow-Origin']).toBe('*');
    expect((await lines('https://b', []))['Vary']).toBeUndefined();
  });
});

describe('scopes', () => {
  it.each([
    ['a', ['a']],
    [' a ', ['a']],
    [
      ['a', 'b:c'],
      ['a', 'b:c'],
    ],
    [[], []],
    ['', null],
    [' ', null],
    [null, null],
    [undefined, null],
    [['a', null], null],
    [['a', ' '], null],
    [[7 as unknown as string], null],
  ])('%j is %j', (answer, scope) => {
    expect(scopeOf(answer, 'reject')).toEqual(scope);
    expect(scopeOf(answer, 'public')).toEqual(scope ?? []);
  });
});

describe('wrong options', () => {
  it.each<[string, object]>([
    ['methods', { methods: ['GET'] }],
    ['methods', { methods: ['post'] }],
    ['methods', { methods: 'POST' }],
    ['keyFormat', { keyFormat: 'loose' }],
    ['maxKeyLength', { maxKeyLength: 0 }],
    ['leaseMs', { leaseMs: -1 }],
    ['leaseMs', { leaseMs: '30' }],
    ['retentionMs', { retentionMs: 0 }],
    ['releasedStatuses', { releasedStatuses: [500] }],
    ['replayHeader', { replayHeader: 'a b' }],
    ['operation', { operation: ' ' }],
    ['corsOrigins', { corsOrigins: [''] }],
    ['mode', { mode: 'off' }],
    ['store', { store: {} }],
  ])('%s', (name, options) => {
    expect(() => settle({ store: memory(), ...options } as never)).toThrow(new RegExp(`^oncekey: options\\.${name} `));
  });
  it('undefined is the default', () => {
    expect(settle({ store: memory(), leaseMs: undefined } as never).policy.leaseMs).toBe(30_000);
  });
});
