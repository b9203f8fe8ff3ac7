/** What a browser has to load: entries bundled, minified and compressed, within their budgets, and free of Node's modules. */
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';

const source = fileURLToPath(new URL('../../src/client/', import.meta.url));

async function bundled(code: string): Promise<{ code: string; imports: readonly string[] }> {
  const bundle = await rolldown({
    input: 'entry',
    platform: 'browser',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id === 'entry' ? `${source}bundle-entry.ts` : null),
        load: (id) => (id.endsWith('/bundle-entry.ts') ? code : null),
      },
    ],
    external: [/^node:/],
  });
  try {
    const { output } = await bundle.generate({ format: 'esm', minify: true });
    return { code: output[0].code, imports: output[0].imports };
  } finally {
    await bundle.close();
  }
}

describe.each([
  ['the keyed fetch', "export { idempotentFetch } from './index.ts';", 4000],
  [
    'the outbox with its IndexedDB storage',
    `export { createOutbox, ref } from './outbox/index.ts';
     export { indexedDbStorage } from './outbox/storages/indexeddb.ts';`,
    12_000,
  ],
])('%s', (_name, code, budget) => {
  test(`is at most ${budget} bytes, compressed, and imports nothing`, async () => {
    const result = await bundled(code);

    expect(gzipSync(result.code, { level: 9 }).length).toBeLessThanOrEqual(budget);
    expect(result.imports).toEqual([]);
  });
});

test('every entry of the client runs where there is no Node', async () => {
  const entries = ['index', 'outbox/index', 'outbox/storages/indexeddb', 'outbox/storages/sqlite', 'outbox/react'];
  for (const entry of [...entries, 'outbox/contract']) {
    expect((await bundled(`export * from './${entry}.ts';`)).imports).toEqual([]);
  }
});
