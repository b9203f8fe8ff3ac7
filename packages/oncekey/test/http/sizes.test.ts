/**
 * What importing an entry brings along, minified and compressed: at most 15 kB, of 1,000 bytes, each. What is loaded later
 * counts where it is, in pieces of its own: the texts of refusals behind the start, the parser of structured fields and
 * the splitter of multipart bodies by the first request that needs them. The limits may shrink and never grow.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const limits: readonly (readonly [string, number])[] = [
  ['fastify', 13_500],
  ['hono', 13_500],
  ['fetch', 13_500],
  ['express', 15_000],
  ['koa', 15_000],
  ['node', 15_000],
  ['nest', 15_000],
];

const laterLimit = 4000;

/** Compressed bytes: of the entry with all that it imports at once, and of all that it loads later. */
async function compressed(entry: string): Promise<{ own: number; later: number }> {
  const input = fileURLToPath(new URL(`../../src/http/${entry}.ts`, import.meta.url));
  const bundle = await rolldown({ input, platform: 'node', external: [/^node:/] });
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    const pieces = new Map(
      output.flatMap((piece) => (piece.type === 'chunk' ? [[piece.fileName, piece] as const] : [])),
    );
    const bytes = { own: 0, later: 0 };
    const atOnce = new Set([output[0].fileName]);
    for (const name of atOnce) for (const other of pieces.get(name)?.imports ?? []) atOnce.add(other);
    for (const [name, { code }] of pieces)
      bytes[atOnce.has(name) ? 'own' : 'later'] += gzipSync(code, { level: 9 }).length;
    return bytes;
  } finally {
    await bundle.close();
  }
}

test.each(limits)('oncekey/%s brings along at most %i bytes, and the rest when it is needed', async (entry, limit) => {
  const { own, later } = await compressed(entry);
  expect(own).toBeLessThanOrEqual(limit);
  expect(later).toBeGreaterThan(0);
  expect(later).toBeLessThanOrEqual(laterLimit);
});
