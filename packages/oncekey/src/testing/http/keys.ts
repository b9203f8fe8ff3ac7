/** The HTTP contract of the key header (rule 1): what is a key, what is refused, and what is not protected at all. */
import assert from 'node:assert/strict';
import type { ProtocolOptions } from '../../http/options.ts';
import { ran, refused, replays, type HttpCaseDefinition } from './case.ts';

/** Two ways to write one key, and what they are called. */
const same: readonly (readonly [id: string, says: string, one: string, other: string])[] = [
  ['quoted-is-bare', 'a quoted key and the bare one are one key', '"k"', 'k'],
  ['white-space', 'white space around a key is none of it', 'k', '  "k"\t'],
  ['parameters', 'valid parameters are ignored', '"k"', '"k";v=1;w'],
  ['escapes', 'escapes are decoded', '"a\\"b\\\\c"', '"a\\"b\\\\c";x'],
  ['quoted-spaces', 'a quoted key may hold spaces, commas and semicolons', '"a b,c;d"', '"a b,c;d"'],
  ['uuid', 'a UUID is a key', '8e03978e-40d5-43e8-bc93-6894a57f9324', '"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
  ['longest', 'a key may have 255 characters', 'x'.repeat(255), `"${'x'.repeat(255)}"`],
  ['bug-as-part', 'a key may hold the word undefined', 'order-undefined', '"order-undefined"'],
];

const different: readonly (readonly [id: string, says: string, one: string, other: string])[] = [
  ['case', 'keys are case-sensitive', 'AbC', 'abc'],
  [
    'last-character',
    'keys that differ in the last of 255 characters differ',
    `${'x'.repeat(254)}a`,
    `${'x'.repeat(254)}b`,
  ],
  ['inner-space', 'white space inside a key is part of it', '"a b"', '"a  b"'],
];

const unusable: readonly (readonly [id: string, line: string])[] = [
  ['empty', ''],
  ['blank', '   '],
  ['empty-string', '""'],
  ['blank-string', '"  "'],
  ['lone-quote', '"'],
  ['unbalanced-quote', '"k'],
  ['quote-at-end', 'k"'],
  ['text-after-string', '"k" x'],
  ['two-strings', '"a", "b"'],
  ['bad-escape', '"a\\b"'],
  ['bad-parameter', '"k";=1'],
  ['tab', 'a\tb'],
  ['tab-in-quotes', '"a\tb"'],
  ['non-ascii', 'cl\u00e9'],
  ['non-ascii-in-quotes', '"cl\u00e9"'],
  ['bare-space', 'a b'],
  ['bare-comma', 'a,b'],
  ['bare-semicolon', 'a;b'],
  ['too-long', 'x'.repeat(256)],
  ['undefined', 'undefined'],
  ['null', 'null'],
  ['nan', 'NaN'],
  ['object', '[object Object]'],
  ['quoted-undefined', '"undefined"'],
  ['quoted-null', '"null"'],
  ['quoted-nan', '"NaN"'],
  ['quoted-object', '"[object Object]"'],
];

/** What options make of a key: taken, refused, or as if not sent. */
const byOption: readonly (readonly [
  id: string,
  options: ProtocolOptions,
  key: string,
  becomes: 'taken' | 'refused' | 'passed',
])[] = [
  ['strict-string', { keyFormat: 'strict' }, '"k";a=1', 'taken'],
  ['strict-bare', { keyFormat: 'strict' }, 'k', 'refused'],
  ['strict-number', { keyFormat: 'strict' }, '42', 'refused'],
  ['strict-bytes', { keyFormat: 'strict' }, ':aGk=:', 'refused'],
  ['any-quoted', { keyFormat: 'any' }, '"k"', 'taken'],
  ['any-spaces', { keyFormat: 'any' }, 'a b, c', 'taken'],
  ['any-bug', { keyFormat: 'any' }, 'null', 'taken'],
  ['any-blank', { keyFormat: 'any' }, '  ', 'refused'],
  ['any-too-long', { keyFormat: 'any', maxKeyLength: 8 }, '123456789', 'refused'],
  ['length-within', { maxKeyLength: 8 }, '12345678', 'taken'],
  ['length-beyond', { maxKeyLength: 8 }, '"123456789"', 'refused'],
  ['no-spaces', { keySpaces: 'reject' }, '"a b"', 'refused'],
  ['invalid-passes', { invalidKey: 'pass' }, 'a b', 'passed'],
  ['invalid-empty-passes', { invalidKey: 'pass' }, '', 'passed'],
];

/** Cases of keys. */
export const keyCases: readonly HttpCaseDefinition[] = [
  ...same.map(([id, says, one, other]) => oneKey(id, says, one, other)),
  ...different.map(([id, says, one, other]) => twoKeys(id, says, one, other)),
  ...unusable.map(([id, line]) => unusableKey(id, line)),
  ...byOption.map(([id, options, key, becomes]) => keyByOption(id, options, key, becomes)),
  {
    id: 'key-any-is-literal',
    name: 'under keyFormat any a quoted key and the bare one are two keys',
    async run(t) {
      const app = await t.app({}, { options: { keyFormat: 'any' } });
      await app.ask({ key: 'k' });
      ran(await app.ask({ key: '"k"' }));
    },
  },
  {
    id: 'key-control-character',
    name: 'a control character inside a key is refused',
    async run(t) {
      const app = await t.app();
      assert.equal((await app.ask({ key: 'a\u0001b' })).status, 400);
      assert.equal(app.runs(), 0);
    },
  },
  {
    id: 'key-two-lines',
    name: 'two key lines are refused, also of the same key',
    async run(t) {
      const app = await t.app();
      for (const second of ['one', 'two']) {
        const reply = await app.ask({ key: 'one', headers: [['idempotency-key', second]] });
        refused(reply, 400, 'idempotency_key_invalid');
      }
      assert.equal(app.runs(), 0);
    },
  },
  {
    id: 'key-missing-passes',
    name: 'a request without a key runs each time',
    async run(t) {
      const app = await t.app();
      ran(await app.plain());
      ran(await app.plain());
      assert.equal(app.runs(), 2);
    },
  },
  {
    id: 'key-missing-refused',
    name: 'a request without a key is refused where that was chosen, and only protected methods are',
    async run(t) {
      const app = await t.app({}, { options: { missingKey: 'reject' } });
      refused(await app.plain(), 400, 'idempotency_key_missing');
      assert.equal((await app.plain({ method: 'GET' })).status, 200);
      assert.equal(app.runs(), 1);
    },
  },
  ...['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'].map(unprotected),
  ...['PUT', 'PATCH', 'DELETE'].map(protectedByChoice),
];

function oneKey(id: string, says: string, one: string, other: string): HttpCaseDefinition {
  return {
    id: `key-${id}`,
    name: says,
    async run(t) {
      const app = await t.app();
      replays(await app.ask({ key: one }), await app.ask({ key: other }));
      assert.equal(app.runs(), 1);
    },
  };
}

function twoKeys(id: string, says: string, one: string, other: string): HttpCaseDefinition {
  return {
    id: `key-${id}`,
    name: says,
    async run(t) {
      const app = await t.app();
      await app.ask({ key: one });
      ran(await app.ask({ key: other }));
      assert.equal(app.runs(), 2);
    },
  };
}

function unusableKey(id: string, line: string): HttpCaseDefinition {
  return {
    id: `key-refused-${id}`,
    name: `the key line ${JSON.stringify(line.slice(0, 20))} is refused and nothing runs`,
    async run(t) {
      const app = await t.app();
      refused(await app.ask({ key: line, body: '{}' }), 400, 'idempotency_key_invalid');
      assert.equal(app.runs(), 0);
    },
  };
}

function keyByOption(
  id: string,
  options: ProtocolOptions,
  key: string,
  becomes: 'taken' | 'refused' | 'passed',
): HttpCaseDefinition {
  return {
    id: `key-option-${id}`,
    name: `under ${JSON.stringify(options)} the key ${JSON.stringify(key)} is ${becomes}`,
    async run(t) {
      const app = await t.app({}, { options });
      const first = await app.ask({ key });
      if (becomes === 'refused') return refused(first, 400, 'idempotency_key_invalid');
      const again = await app.ask({ key });
      if (becomes === 'taken') replays(first, again);
      else ran(again);
    },
  };
}

function unprotected(method: string): HttpCaseDefinition {
  return {
    id: `method-${method.toLowerCase()}-passes`,
    name: `${method} is not protected`,
    async run(t) {
      const app = await t.app();
      await app.ask({ method });
      ran(await app.ask({ method }));
      assert.equal(app.runs(), 2);
    },
  };
}

function protectedByChoice(method: string): HttpCaseDefinition {
  return {
    id: `method-${method.toLowerCase()}-protected`,
    name: `${method} is protected where it is among the methods`,
    async run(t) {
      const app = await t.app({}, { options: { methods: ['PUT', 'PATCH', 'DELETE'] } });
      replays(await app.ask({ method }), await app.ask({ method }));
      await app.ask({ method: 'POST' });
      ran(await app.ask({ method: 'POST' }));
    },
  };
}
