/**
 * Holds the packages' manifests to their source, to each other and to the licence;
 * and the lock file to naming no host.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Manifest } from './packages.ts';
import { entriesOf, exportsBreaches, lopsidedSubpaths } from './packages.ts';
import { filesUnder, parseSource, root, sourcesUnder, textOf, told } from './source.ts';
import { thickEntries } from './thin.ts';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const manifestOf = (folder: string): Manifest => JSON.parse(textOf(`${folder}/package.json`)) as Manifest;
const folders = readdirSync(join(root, 'packages')).map((name) => `packages/${name}`);
const workspace = manifestOf('.');

// A command line has no exports: its committed bin imports the build of this file.
const entriesWithBin = (folder: string): string[] => {
  const entries = entriesOf(manifestOf(folder));
  return filesUnder(folder).some((path) => path.startsWith(`${folder}/bin/`)) ? [...entries, 'src/main.ts'] : entries;
};

describe.each(folders)('%s', (folder) => {
  const manifest = manifestOf(folder);

  test('exports what is there, and everything that is there is exported or used', () => {
    expect(told(exportsBreaches(folder, entriesWithBin(folder), sourcesUnder(`${folder}/src`)))).toEqual([]);
  });

  test('types and code of a subpath lie side by side', () => {
    expect(lopsidedSubpaths(manifest)).toEqual([]);
  });

  test('ships the build and no install script', () => {
    expect([['dist'], ['bin', 'dist']]).toContainEqual([...(manifest.files ?? [])].toSorted());
    const scripts = Object.keys(manifest.scripts ?? {});
    expect(scripts.filter((name) => /^(pre|post)?install$|^prepare$/.test(name))).toEqual([]);
  });

  test('has the version, licence and author of the workspace', () => {
    const { version, license, author } = workspace;
    expect(manifest).toMatchObject({ version, license, author });
  });
});

describe('exports map against source', () => {
  const at = (path: string, text = ''): ReturnType<typeof parseSource> => parseSource(`packages/p/src/${path}`, text);

  test('an entry without a source file is noticed', () => {
    expect(exportsBreaches('packages/p', ['src/gone.ts'], [])).toHaveLength(1);
  });

  test('a store without an entry is noticed, and a file behind an entry is not', () => {
    const sources = [at('index.ts', "export * from './core/a.ts';"), at('core/a.ts'), at('stores/new.ts')];
    const breaches = exportsBreaches('packages/p', ['src/index.ts'], sources);
    expect(breaches.map(({ path }) => path)).toEqual(['packages/p/src/stores/new.ts']);
  });

  test('types of another file are noticed', () => {
    const exports = { './a': { types: './dist/b.d.ts', default: './dist/a.js' } };
    expect(lopsidedSubpaths({ name: 'p', version: '0', exports })).toEqual(['./a']);
  });
});

describe('entries of frameworks', () => {
  const entry = (text: string): ReturnType<typeof parseSource> => parseSource('packages/oncekey/src/http/x.ts', text);

  test('are two translations and no more', () => {
    const files = entriesOf(manifestOf('packages/oncekey')).filter((path) => /^src\/http\/(?!index)/.test(path));
    const sources = files.map((path) => parseSource(path, textOf(`packages/oncekey/${path}`)));
    expect(sources.length).toBeGreaterThan(0);
    expect(told(thickEntries(sources))).toEqual([]);
  });

  test('that know a status, know a header or grow are noticed', () => {
    expect(thickEntries([entry('if (status === 409) retry();')])).toHaveLength(1);
    expect(thickEntries([entry("request.headers['idempotency-key'];")])).toHaveLength(1);
    expect(thickEntries([entry('\n'.repeat(101))])).toHaveLength(1);
  });
});

describe('the workspace', () => {
  test('is under the MIT licence of its authors', () => {
    expect(workspace.license).toBe('MIT');
    expect(textOf('LICENSE')).toContain(`(c) 2026 ${workspace.author}`);
  });

  const { packages } = JSON.parse(textOf('package-lock.json')) as { packages: Record<string, Locked> };

  test('locks integrity without naming a host', () => {
    expect(Object.values(packages).filter(({ resolved }) => resolved?.includes('://') === true)).toEqual([]);
  });

  // `npm ci` refuses a lock file from which a platform's binary is missing, on every platform.
  test('locks the binaries of all platforms', () => {
    const missing = Object.entries(packages).flatMap(([place, { optionalDependencies = {} }]) =>
      Object.entries(optionalDependencies)
        .filter(([name, version]) => {
          const found = packages[`${place}/node_modules/${name}`] ?? packages[`node_modules/${name}`];
          // A version that is no range is one of a family that is released together.
          return found === undefined || (/^\d/.test(version) && found.version !== version);
        })
        .map(([name, version]) => `${name}@${version}`),
    );
    expect(missing).toEqual([]);
  });
});
