/**
 * What users get is the tarball, not the tree: both packages are packed, looked at from
 * outside, and imported in plain Node with nothing beside them but the dependencies they
 * declare. Needs the build; asks no network.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { root, run, scratch, succeeded, tool } from './support/scratch.ts';

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly exports?: Readonly<Record<string, unknown>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

const folder = scratch();
const packed = readdirSync(join(root, 'packages')).map((directory) => {
  const manifest = JSON.parse(readFileSync(join(root, 'packages', directory, 'package.json'), 'utf8')) as Manifest;
  const file = `${manifest.name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`;
  return { name: manifest.name, manifest, directory: join(root, 'packages', directory), file };
});

async function pack(directory: string, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  expect(await run('npm', ['pack', '--ignore-scripts', '--pack-destination', into], directory)).toEqual(succeeded);
}

/** Unpacks a tarball as `npm install` would, with the dependencies it declares and no others. */
async function install(file: string, { name, dependencies = {} }: Manifest): Promise<void> {
  const place = join(folder, 'node_modules', name);
  mkdirSync(place, { recursive: true });
  expect(await run('tar', ['-xzf', file, '--strip-components=1', '-C', place], folder)).toEqual({ code: 0, text: '' });
  for (const dependency of Object.keys(dependencies)) {
    const link = join(folder, 'node_modules', dependency);
    if (packed.some((each) => each.name === dependency) || existsSync(link)) continue;
    mkdirSync(dirname(link), { recursive: true });
    symlinkSync(join(root, 'node_modules', dependency), link);
  }
}

beforeAll(async () => {
  for (const { directory, file, manifest } of packed) {
    await pack(directory, folder);
    await install(join(folder, file), manifest);
  }
});

describe.each(packed)('the tarball of $name', ({ name, manifest, directory, file }) => {
  const place = join(folder, 'node_modules', name);

  test('holds the build and what explains it, and no more', () => {
    const files = readdirSync(place, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1));
    const expected = /^(package\.json|LICENSE|README\.md|bin\/[\w-]+\.js|dist\/[\w/-]+(\.js|\.d\.ts|\.sql|\.html))$/;
    expect(files.filter((path) => !expected.test(path))).toEqual([]);
    expect(files).toContain('LICENSE');
  });

  test('runs nothing at install', () => {
    const shipped = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8')) as Manifest;
    expect(Object.keys(shipped.scripts ?? {}).filter((script) => /install|prepare/.test(script))).toEqual([]);
  });

  test('is the same when packed again', async () => {
    await pack(directory, join(folder, 'again'));
    expect(hashOf(join(folder, 'again', file))).toBe(hashOf(join(folder, file)));
  });

  test('pleases publint', async () => {
    expect(await run(tool('publint'), ['--strict', join(folder, file)], folder)).toEqual(succeeded);
  });

  test.runIf(manifest.exports !== undefined)('resolves with types in every mode of ESM', async () => {
    const options = ['--profile', 'esm-only', '--no-color', '--no-emoji'];
    expect(await run(tool('attw'), [join(folder, file), ...options], folder)).toEqual(succeeded);
  });

  test.each(Object.keys(manifest.exports ?? {}))('%s is imported in plain node', async (subpath) => {
    const specifier = JSON.stringify(name + subpath.slice(1));
    const attributes = subpath.endsWith('.json') ? ", { with: { type: 'json' } }" : '';
    const program = `const it = await import(${specifier}${attributes}); console.log(Object.keys(it).length > 0);`;
    const quiet = '--disable-warning=ExperimentalWarning';
    const { code, text } = await run('node', [quiet, '--input-type=module', '--eval', program], folder);
    expect({ code, text }).toEqual({ code: 0, text: 'true\n' });
  });
});

test('the command line runs from its tarball', async () => {
  const bin = join(folder, 'node_modules', '@oncekey', 'cli', 'bin', 'oncekey.js');
  expect(await run('node', [bin, '--help'], folder)).toEqual({ code: 0, text: expect.stringContaining('gateway') });
});

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}
