/** The HTTP contract of bodies (I4): a replay is the first answer to the byte, whatever it is made of and however it was sent. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { HeaderLine } from '../../core/outcome.ts';
import type { Random } from '../seed.ts';
import { bytesOf, pause, pieces, replays, type HttpCaseContext, type HttpCaseDefinition } from './case.ts';
import type { HttpReply } from './setup.ts';

const octets: HeaderLine = ['Content-Type', 'application/octet-stream'];

/** An answer and the bytes that must arrive. */
interface Body {
  readonly id: string;
  readonly says: string;
  make(random: Random): { readonly bytes: Uint8Array; reply(): HttpReply };
}

const whole = (id: string, says: string, make: (random: Random) => Uint8Array, rest: HttpReply = {}): Body => ({
  id,
  says,
  make(random) {
    const bytes = make(random);
    return { bytes, reply: () => ({ headers: [octets], ...rest, body: bytes }) };
  },
});

const streamed = (id: string, says: string, sizes: readonly number[], declared: boolean, slowly = false): Body => ({
  id,
  says,
  make(random) {
    const parts = sizes.map((size) => random.bytes(size));
    const bytes = Buffer.concat(parts);
    const headers: HeaderLine[] = [octets, ...(declared ? [['Content-Length', String(bytes.length)] as const] : [])];
    return { bytes, reply: () => ({ headers, body: pieces(parts, slowly ? () => pause(5) : undefined) }) };
  },
});

const bodies: readonly Body[] = [
  whole('text', 'a text', () => bytesOf('héllo')),
  whole('all-bytes', 'every byte there is', () => Uint8Array.from({ length: 256 }, (_, byte) => byte)),
  whole('random', 'random bytes', (random) => random.bytes(70_000)),
  whole('one-byte', 'one byte', () => Uint8Array.of(0)),
  whole('line-breaks', 'what looks like the end of a head', () => bytesOf('\r\n\r\n0\r\n\r\n')),
  whole('gzip', 'an encoded body', () => gzipSync('once and only once'), { headers: [['Content-Encoding', 'gzip']] }),
  whole('json', 'JSON with its white space', () => bytesOf('{ "a" : 1.0 }\n'), {
    headers: [['Content-Type', 'application/json']],
  }),
  whole('error', 'the body of a 422', () => bytesOf('no'), { status: 422, headers: [['Content-Type', 'text/plain']] }),
  streamed('chunks', 'chunks', [1, 1000, 3], false),
  streamed(
    'many-chunks',
    'many chunks',
    Array.from({ length: 50 }, (_, index) => index + 1),
    false,
  ),
  streamed('slow-chunks', 'chunks that come slowly', [100, 200, 300], false, true),
  streamed('one-chunk', 'a single chunk', [500], false),
  streamed('no-chunk', 'a stream without a chunk', [], false),
  streamed('empty-chunks', 'chunks some of which are empty', [0, 5, 0, 5, 0], false),
  streamed('declared', 'chunks with their length declared', [4000, 5000, 1], true),
  streamed('declared-slow', 'slow chunks with their length declared', [10, 20, 30], true, true),
  streamed('declared-one', 'one chunk with its length declared', [321], true),
];

/** Cases of bodies. */
export const bodyCases: readonly HttpCaseDefinition[] = [
  ...bodies.map(({ id, says, make }): HttpCaseDefinition => ({
    id: `body-${id}`,
    name: `${says}: the first answer is exact, and so is its replay`,
    async run(t) {
      const { bytes, reply } = make(t.random);
      await exact(t, reply, bytes);
    },
  })),
  ...[200, 201, 204, 205, 303].map((status): HttpCaseDefinition => ({
    id: `body-none-${status}`,
    name: `${status} without a body`,
    async run(t) {
      await exact(t, () => ({ status, headers: [['Location', '/1']] }), undefined, status);
    },
  })),
  {
    id: 'body-buffer-reused',
    name: 'a piece whose memory is used again was taken as it was',
    async run(t) {
      const reply = (): HttpReply => {
        const memory = Buffer.from('aaaa');
        async function* reusing(): AsyncGenerator<Uint8Array> {
          yield memory;
          await pause(20);
          yield memory.fill('b');
        }
        return { headers: [octets], body: reusing() };
      };
      await exact(t, reply, bytesOf('aaaabbbb'));
    },
  },
  {
    id: 'body-file',
    name: 'a file, sent as the framework sends files',
    async run(t) {
      const folder = await mkdtemp(join(tmpdir(), 'oncekey-contract-'));
      try {
        const file = join(folder, 'receipt.bin');
        const bytes = t.random.bytes(200_000);
        await writeFile(file, bytes);
        await exact(t, () => ({ headers: [octets], body: { file } }), bytes);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
  },
  {
    id: 'body-10-mb',
    name: '10 MB, where the cap allows them',
    async run(t) {
      const bytes = Buffer.alloc(10_000_000, t.random.bytes(1021));
      const app = await t.app(() => ({ headers: [octets], body: bytes }), {
        options: { maxResponseBytes: bytes.length },
      });
      const first = await app.ask();
      assert.ok(first.body.equals(bytes), 'the first answer must be whole');
      replays(first, await app.ask());
    },
  },
  {
    id: 'body-10-mb-streamed',
    name: '10 MB in chunks, where the cap allows them',
    async run(t) {
      const part = t.random.bytes(100_000);
      const parts = Array.from({ length: 100 }, () => part);
      const options = { maxResponseBytes: 10_000_000 };
      const app = await t.app(() => ({ headers: [octets], body: pieces(parts) }), { options });
      const first = await app.ask();
      assert.ok(first.body.equals(Buffer.concat(parts)), 'the first answer must be whole');
      replays(first, await app.ask());
    },
  },
];

async function exact(
  t: HttpCaseContext,
  reply: () => HttpReply,
  bytes: Uint8Array | undefined,
  status?: number,
): Promise<void> {
  const app = await t.app(reply);
  const first = await app.ask();
  if (bytes !== undefined) assert.ok(first.body.equals(bytes), 'the first answer must have the bytes of the work');
  if (status !== undefined) assert.equal(first.status, status);
  replays(first, await app.ask());
  replays(first, await app.ask());
  assert.equal(app.runs(), 1);
}
