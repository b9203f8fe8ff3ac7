/** The contract of bytes: bodies come back exactly, and belong to the store once given (I4). */
import assert from 'node:assert/strict';
import { sameBytes, type CaseContext, type CaseDefinition } from './case.ts';

const everyByte = Uint8Array.from({ length: 256 }, (_, value) => value);

const bodies: readonly (readonly [id: string, name: string, body: (t: CaseContext) => Uint8Array])[] = [
  ['empty', 'an empty body', () => new Uint8Array()],
  ['one-zero', 'a body of one zero', () => new Uint8Array(1)],
  ['every-byte', 'a body of every byte', () => everyByte],
  ['zeros', 'a body of a thousand zeros', () => new Uint8Array(1000)],
  ['not-utf8', 'a body that is not UTF-8', () => Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x80)],
  ['line-ends', 'a body of line ends', () => Buffer.from('\r\n\n\r\0\x1a\r\n')],
  ['json', 'a body that looks like JSON', () => Buffer.from('{"b":1, "a":1e2}\n')],
  ['bom', 'a body with a byte order mark', () => Buffer.from('\ufeff{}')],
  ['hex-prefix', 'a body that looks like an escaped one', () => Buffer.from('\\x414243')],
  ['1-mb', 'a body of one megabyte', (t) => t.random.bytes(1_000_000)],
  ['65536', 'a body of 65536 bytes', (t) => t.random.bytes(65_536)],
  ['view', 'a body that is a piece of a larger buffer', (t) => t.random.bytes(1000).subarray(100, 300)],
  ['buffer', "a body in Node's Buffer", () => Buffer.from('pooled')],
];

/** Cases of bytes. */
export const bytesCases: readonly CaseDefinition[] = [
  ...bodies.map(([id, name, make]): CaseDefinition => ({
    id: `bytes-${id}`,
    name: `${name} comes back byte for byte`,
    async run(t) {
      const body = make(t);
      const outcome = t.answer({ body });
      const ask = await t.completed({}, outcome);
      await t.expectOutcome(ask, outcome);
      const read = (await t.read(ask)).outcome;
      assert.ok(read?.kind === 'answer');
      sameBytes(read.body, body);
    },
  })),
  {
    id: 'bytes-value-body',
    name: 'the bytes of a value come back exactly',
    async run(t) {
      const outcome = { kind: 'value', body: everyByte, label: null, refs: [], details: null } as const;
      await t.expectOutcome(await t.completed({}, outcome), outcome);
    },
  },
  {
    id: 'bytes-body-is-copied',
    name: 'a buffer that is reused after complete changes no stored body',
    async run(t) {
      const body = Uint8Array.of(1, 2, 3);
      const ask = await t.completed({}, t.answer({ body }));
      body.fill(0);
      const { outcome } = await t.claim(t.other(ask), 'completed');
      assert.ok(outcome.kind === 'answer');
      sameBytes(outcome.body, Uint8Array.of(1, 2, 3));
    },
  },
  {
    id: 'bytes-step-is-copied',
    name: 'a buffer that is reused after saveStep changes no stored step',
    async run(t) {
      const bytes = Uint8Array.of(1, 2, 3);
      const ask = await t.inProgress();
      await t.step(ask, 'charge', bytes);
      bytes.fill(0);
      sameBytes((await t.read(ask)).steps[0]?.bytes, Uint8Array.of(1, 2, 3));
    },
  },
];
