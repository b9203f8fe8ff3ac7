/**
 * A forgotten `await` on a store's `complete` is the worst bug this project can ship:
 * the answer goes out and nothing was stored (I5). Here it is planted, in the forms it
 * takes, and the repository's own lint settings must refuse each and accept the mended one.
 */
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { root, run, scratch, tool } from './support/scratch.ts';

const folder = scratch();
const seams = join(root, 'packages/oncekey/src/core');
// The type-aware half of the linter is looked for beside the file that is linted.
symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
writeFileSync(
  join(folder, 'tsconfig.json'),
  JSON.stringify({ extends: join(root, 'tsconfig.base.json'), compilerOptions: { noEmit: true, types: [] } }),
);

async function lint(name: string, statement: string): Promise<{ code: number; rules: string[] }> {
  const file = `${name}.ts`;
  writeFileSync(
    join(folder, file),
    `import type { CompleteAnswer, CompleteAsk, Store } from '${seams}/store.ts';
type Now = { complete(ask: CompleteAsk): Promise<CompleteAnswer> };
export async function finish(store: Store, now: Now, ask: CompleteAsk): Promise<string> {
  ${statement}
  return (await Promise.all([store.complete(ask), now.complete(ask)])).map(({ kind }) => kind).join();
}
`,
  );
  const settings = ['-c', join(root, '.oxlintrc.json'), '--type-aware', '--deny-warnings', '-f', 'json'];
  const { code, text } = await run(tool('oxlint'), [...settings, file], folder);
  const { diagnostics } = JSON.parse(text) as { diagnostics: { code: string }[] };
  return { code, rules: diagnostics.map((each) => each.code) };
}

describe('lint', () => {
  test.each([
    ['a promise', 'promise', 'now.complete(ask);'],
    ['a value or a promise', 'maybe', 'store.complete(ask);'],
    ['a promise waved away', 'void', 'void store.complete(ask);'],
    ['a promise whose answer alone is read', 'then', 'now.complete(ask).then(({ kind }) => kind);'],
  ])('refuses a forgotten await on complete: %s', async (_form, name, statement) => {
    expect(await lint(name, statement)).toEqual({ code: 1, rules: ['typescript(no-floating-promises)'] });
  });

  test('refuses a promise taken for a condition', async () => {
    const { code, rules } = await lint('condition', "if (now.complete(ask)) return 'stored';");
    expect({ code, rules }).toEqual({ code: 1, rules: ['typescript(no-misused-promises)'] });
  });

  test('accepts the same file with the await', async () => {
    const { code, rules } = await lint('awaited', 'await store.complete(ask);\n  await now.complete(ask);');
    expect({ code, rules }).toEqual({ code: 0, rules: [] });
  });
});
