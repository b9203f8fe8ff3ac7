/**
 * What importing an entry brings along, minified and compressed. The aim is 15 kB, of 1,000 bytes, for each. The parser of
 * structured fields is loaded by the first key that needs it, and counts where it is: in a piece of its own.
 * The limits may shrink and never grow.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { expect, test } from 'vitest';

const limits: readonly (readonly [string, number])[] = [
  ['fastify', 14_000],
  ['hono', 14_000],
  ['fetch', 14_000],
  ['express', 15_360],
  ['koa', 15_360],
  ['node', 15_360],
  ['nest', 15_500],
];

async function compressed(entry: string): Promise<number[]> {
  const input = fileURLToPath(new URL(`../../src/http/${entry}.ts`, import.meta.url));
  const bundle = await rolldown({ input, platform: 'node', external: [/^node:/] });
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    return output.map((piece) => (piece.type === 'chunk' ? gzipSync(piece.code, { level: 9 }).length : 0));
  } finally {
    await bundle.close();
  }
}

test.each(limits)(
  'oncekey/%s brings along at most %i bytes, and the parser when it is needed',
  async (entry, limit) => {
    const [own, ...later] = await compressed(entry);
    expect(own).toBeLessThanOrEqual(limit);
    expect(later.length).toBe(1);
    expect(later[0]).toBeLessThanOrEqual(2500);
  },
);
