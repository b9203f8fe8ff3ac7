/** The HTTP contract of fingerprints (rule 3, I6): what is the same input, what is other input, and that other input never runs. */
import assert from 'node:assert/strict';
import type { ProtocolOptions } from '../../http/options.ts';
import { ran, refused, replays, type HttpCaseDefinition } from './case.ts';
import type { Sent } from './wire.ts';

interface Pair {
  readonly id: string;
  readonly says: string;
  readonly one: Sent;
  readonly other: Sent;
  readonly agree: boolean;
  readonly options?: ProtocolOptions;
}

const json = (body: string | Uint8Array, type = 'application/json'): Sent => ({
  headers: [['Content-Type', type]],
  body,
});
const typed = (type: string, body: string | Uint8Array): Sent => json(body, type);
const large = (middle: string): string => `{"a":"${'x'.repeat(17_000)}",${middle}"b":1}`;
const multipart = (boundary: string, value: string): Sent =>
  typed(
    `multipart/form-data; boundary=${boundary}`,
    `--${boundary}\r\nContent-Disposition: form-data; name="a"\r\n\r\n${value}\r\n--${boundary}--\r\n`,
  );

const agreeing: readonly Omit<Pair, 'agree'>[] = [
  { id: 'equal', says: 'the same bytes', one: json('{"a":1}'), other: json('{"a":1}') },
  {
    id: 'order',
    says: 'JSON with its names in another order',
    one: json('{"a":1,"b":2}'),
    other: json('{"b":2,"a":1}'),
  },
  { id: 'spaces', says: 'JSON with other white space', one: json('{"a":1}'), other: json(' { "a" :\n1 } ') },
  { id: 'numbers', says: 'JSON numbers of one value', one: json('[1,100,0]'), other: json('[1.0,1e2,-0]') },
  { id: 'escapes', says: 'JSON text written with escapes', one: json('"café"'), other: json('"caf\\u00e9"') },
  {
    id: 'nested',
    says: 'nested JSON in another order',
    one: json('{"a":{"b":1,"c":[2]}}'),
    other: json('{"a":{"c":[2],"b":1}}'),
  },
  {
    id: 'plus-json',
    says: 'a +json type by value',
    one: json('{"a":1}', 'application/vnd.x+json'),
    other: json('{ "a":1}', 'application/vnd.x+json'),
  },
  {
    id: 'parameters',
    says: 'a media type with other parameters',
    one: json('{"a":1}'),
    other: json('{"a":1}', 'Application/JSON; charset=utf-8'),
  },
  {
    id: 'multipart',
    says: 'multipart with another boundary',
    one: multipart('one', 'v'),
    other: multipart('two', 'v'),
  },
  { id: 'other-headers', says: 'other headers', one: { headers: [['x-a', '1']] }, other: { headers: [['x-a', '2']] } },
  {
    id: 'none',
    says: 'anything, where the first request wins',
    one: json('{"a":1}'),
    other: typed('text/plain', 'b'),
    options: { fingerprint: 'none' },
  },
  {
    id: 'none-target',
    says: 'another target, where the first request wins',
    one: { path: '/a' },
    other: { path: '/b' },
    options: { fingerprint: 'none' },
  },
  { id: 'empty', says: 'no body', one: {}, other: {} },
];

const differing: readonly Omit<Pair, 'agree'>[] = [
  { id: 'value', says: 'another JSON value', one: json('{"a":1}'), other: json('{"a":2}') },
  { id: 'array-order', says: 'an array in another order', one: json('[1,2]'), other: json('[2,1]') },
  { id: 'text-number', says: 'a text instead of a number', one: json('{"a":1}'), other: json('{"a":"1"}') },
  { id: 'null', says: 'null instead of nothing', one: json('{}'), other: json('{"a":null}') },
  { id: 'path', says: 'another path', one: { path: '/a' }, other: { path: '/b' } },
  { id: 'query', says: 'another query', one: { path: '/a?x=1' }, other: { path: '/a?x=2' } },
  { id: 'query-order', says: 'a query in another order', one: { path: '/a?x=1&y=2' }, other: { path: '/a?y=2&x=1' } },
  { id: 'method', says: 'another method', one: { method: 'POST' }, other: { method: 'PATCH' } },
  { id: 'type', says: 'another media type', one: json('{}'), other: typed('text/plain', '{}') },
  {
    id: 'big-integers',
    says: 'integers beyond 2^53 that differ',
    one: json('9007199254740993'),
    other: json('9007199254740992'),
  },
  { id: 'duplicate-names', says: 'JSON with a name twice', one: json('{"a":1}'), other: json('{"a":2,"a":1}') },
  { id: 'surrogates', says: 'a lone surrogate by its bytes', one: json('"\\ud800"'), other: json('"\\uD800"') },
  { id: 'broken-json', says: 'broken JSON by its bytes', one: json('{"a":'), other: json('{ "a":') },
  {
    id: 'broken-utf8',
    says: 'broken UTF-8 by its bytes',
    one: json(Uint8Array.of(34, 255, 34)),
    other: json(Uint8Array.of(34, 254, 34)),
  },
  {
    id: 'binary',
    says: 'other bytes',
    one: typed('application/octet-stream', Uint8Array.of(0, 1)),
    other: typed('application/octet-stream', Uint8Array.of(0, 2)),
  },
  {
    id: 'text-spaces',
    says: 'text with another space',
    one: typed('text/plain', 'a b'),
    other: typed('text/plain', 'a  b'),
  },
  {
    id: 'large-json',
    says: 'JSON over the canonical limit by its bytes',
    one: json(large('')),
    other: json(large(' ')),
  },
  {
    id: 'encoded',
    says: 'an encoded body by its bytes',
    one: {
      headers: [
        ['Content-Type', 'application/json'],
        ['Content-Encoding', 'x-none'],
      ],
      body: '{"a":1}',
    },
    other: {
      headers: [
        ['Content-Type', 'application/json'],
        ['Content-Encoding', 'x-none'],
      ],
      body: '{ "a":1}',
    },
  },
  {
    id: 'encoding',
    says: 'another content encoding',
    one: typed('text/plain', 'a'),
    other: {
      headers: [
        ['Content-Type', 'text/plain'],
        ['Content-Encoding', 'x-none'],
      ],
      body: 'a',
    },
  },
  {
    id: 'multipart-value',
    says: 'multipart with another part',
    one: multipart('one', 'v'),
    other: multipart('one', 'w'),
  },
  { id: 'empty-body', says: 'a body instead of none', one: typed('text/plain', ''), other: typed('text/plain', 'a') },
  {
    id: 'exact',
    says: 'JSON in other bytes under exact',
    one: json('{"a":1}'),
    other: json('{ "a":1}'),
    options: { fingerprint: 'exact' },
  },
  {
    id: 'header-chosen',
    says: 'a chosen header',
    one: { headers: [['x-a', '1']] },
    other: { headers: [['x-a', '2']] },
    options: { fingerprintHeaders: ['X-A'] },
  },
  {
    id: 'canonical-limit',
    says: 'JSON over a limit of its own by its bytes',
    one: json('{"a":1}'),
    other: json('{ "a":1}'),
    options: { maxCanonicalBytes: 3 },
  },
];

/** Cases of fingerprints. */
export const fingerprintCases: readonly HttpCaseDefinition[] = [
  ...agreeing.map((pair) => compared({ ...pair, agree: true })),
  ...differing.map((pair) => compared({ ...pair, agree: false })),
  {
    id: 'fingerprint-conflict-keeps',
    name: 'a conflict alters nothing: the first input still gets its answer (I6)',
    async run(t) {
      const app = await t.app({ status: 201 });
      const first = await app.ask(json('{"a":1}'));
      for (let time = 0; time < 3; time++) refused(await app.ask(json('{"a":2}')), 422, 'idempotency_key_reused');
      replays(first, await app.ask(json('{"a":1}')));
      assert.equal(app.runs(), 1);
    },
  },
  {
    id: 'fingerprint-body-alone',
    name: 'two keys with one body are two requests',
    async run(t) {
      const app = await t.app();
      await app.ask({ ...json('{"a":1}'), key: 'one' });
      ran(await app.ask({ ...json('{"a":1}'), key: 'two' }));
      assert.equal(app.runs(), 2);
    },
  },
];

function compared({ id, says, one, other, agree, options = {} }: Pair): HttpCaseDefinition {
  return {
    id: `fingerprint-${agree ? 'same' : 'other'}-${id}`,
    name: `${says} ${agree ? 'is the same input' : 'is other input: refused, and never run'}`,
    async run(t) {
      const app = await t.app({ status: 201 }, { options });
      const first = await app.ask(one);
      assert.equal(first.status, 201);
      const again = await app.ask(other);
      if (agree) replays(first, again);
      else refused(again, 422, 'idempotency_key_reused');
      assert.equal(app.runs(), 1);
    },
  };
}
