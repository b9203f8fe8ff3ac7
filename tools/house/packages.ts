/**
 * The exports map of a package compared with its source: what is exported exists, and
 * every source file is an entry or reached from one (nobody imports it otherwise, so
 * it would be dead). It reads package.json and import paths; it builds nothing.
 */
import { posix } from 'node:path';
import type { Breach, Source } from './source.ts';

/** The part of a package.json that is compared. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly author?: string;
  readonly exports?: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly files?: readonly string[];
}

/** Source files, from the package's folder, that the exports map names: `./dist/http/node.js` is `src/http/node.ts`. */
export function entriesOf(manifest: Manifest): string[] {
  const targets = Object.values(manifest.exports ?? {}).flatMap((target) =>
    typeof target === 'string' ? [target] : Object.values(target),
  );
  const built = targets.filter((target) => target.startsWith('./dist/'));
  return [...new Set(built.map((target) => target.replace('./dist/', 'src/').replace(/\.d\.ts$|\.js$/, '.ts')))];
}

/** Entries without a source file, subpaths whose types and code differ, and source files that no entry reaches. */
export function exportsBreaches(folder: string, entries: readonly string[], sources: readonly Source[]): Breach[] {
  const manifest = `${folder}/package.json`;
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const missing = entries.filter((entry) => !byPath.has(`${folder}/${entry}`));
  const reached = reachedFrom(
    entries.map((entry) => `${folder}/${entry}`),
    byPath,
  );
  return [
    ...missing.map((entry) => ({ path: manifest, line: 1, message: `exports ${entry}, which is not there` })),
    ...sources
      .filter(({ path }) => path.startsWith(`${folder}/src/`) && !reached.has(path))
      .map(({ path }) => ({ path, line: 1, message: 'no entry of the exports map reaches this file' })),
  ];
}

/** Subpaths whose `types` and `default` do not lie side by side. */
export function lopsidedSubpaths(manifest: Manifest): string[] {
  return Object.entries(manifest.exports ?? {}).flatMap(([subpath, target]) => {
    if (typeof target === 'string') return subpath === target ? [] : [subpath];
    const { types, default: code } = target;
    return types?.replace(/\.d\.ts$/, '.js') === code ? [] : [subpath];
  });
}

function reachedFrom(entries: readonly string[], byPath: ReadonlyMap<string, Source>): ReadonlySet<string> {
  const reached = new Set<string>();
  const visit = (path: string): void => {
    const source = byPath.get(path);
    if (source === undefined || reached.has(path)) return;
    reached.add(path);
    for (const { from } of source.imports) {
      if (from.startsWith('.')) visit(posix.join(posix.dirname(path), from));
    }
  };
  entries.forEach(visit);
  return reached;
}
