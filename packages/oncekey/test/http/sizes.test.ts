/**
 * What an entry brings along, minified and compressed: its own code within 15 KiB, and with the parser of
 * structured fields, the one library in it, within 17 KiB. The aim is 15 kB for all of it; these limits may shrink and never grow.
 */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';

async function compressed(entry: string, external: readonly string[]): Promise<number> {
  const input = fileURLToPath(new URL(`../../src/http/${entry}.ts`, import.meta.url));
  const bundle = await rolldown({ input, platform: 'node', external: [/^node:/, ...external] });
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    return gzipSync(output[0].code, { level: 9 }).length;
  } finally {
    await bundle.close();
  }
}

describe.each(['node', 'express', 'fastify', 'koa', 'hono', 'fetch'])('oncekey/%s', (entry) => {
  test('has its own code within 15 KiB, compressed', async () => {
    expect(await compressed(entry, ['structured-headers'])).toBeLessThanOrEqual(15_360);
  });

  test('has all of it within 17 KiB, compressed', async () => {
    expect(await compressed(entry, [])).toBeLessThanOrEqual(17_408);
  });
});
