/**
 * The three rings as a rule: which file of the library may import which (DESIGN: one
 * direction, everything points at core, stores never see each other). A new folder is
 * refused until its row stands here. It looks at import paths only, types included.
 */
import { posix } from 'node:path';
import type { Breach, Source } from './source.ts';

interface Row {
  /** Folders and files of the library, from its `src`; a folder ends in `/`, and the empty one is all of it. */
  readonly own: readonly string[];
  /** Packages that are not Node's own modules. */
  readonly libraries: readonly string[];
  /** Whether Node's own modules may be imported. */
  readonly node: boolean;
}

const librarySource = 'packages/oncekey/src/';

/** Files of `http/` that read a request or write an answer and know nothing of its protocol. */
const readersAndWriters: readonly string[] = [
  'http/seam.ts',
  'http/fetch-request.ts',
  'http/fetch-answer.ts',
  'http/node-request.ts',
  'http/node-send.ts',
];

/** What each ring may import; the first row whose name begins the path holds. */
const rows: readonly (readonly [begins: string, row: Row])[] = [
  ['protocol.ts', { own: [], libraries: [], node: false }],
  ['index.ts', { own: [''], libraries: [], node: false }],
  ['core/', { own: ['core/'], libraries: [], node: true }],
  ['operations/', { own: ['core/', 'atomic/', 'operations/'], libraries: ['canonicalize'], node: true }],
  ['atomic/', { own: ['core/', 'atomic/'], libraries: [], node: true }],
  ['stores/cached.ts', { own: ['core/'], libraries: ['lru-cache'], node: true }],
  ['stores/', { own: ['core/'], libraries: [], node: true }],
  ['http/', { own: ['core/', 'http/', 'protocol.ts'], libraries: ['structured-headers'], node: true }],
  [
    'testing/',
    {
      own: ['core/', 'testing/', 'http/options.ts', 'stores/memory.ts', 'stores/stored-form/'],
      libraries: [],
      node: true,
    },
  ],
  ['client/', { own: ['client/', 'protocol.ts'], libraries: ['idb'], node: false }],
  ['jobs/', { own: ['core/', 'operations/', 'jobs/'], libraries: [], node: true }],
  [
    'webhooks/',
    {
      own: ['core/', 'operations/', 'webhooks/', ...readersAndWriters],
      libraries: ['standardwebhooks', '@octokit/webhooks-methods'],
      node: true,
    },
  ],
  ['telemetry/', { own: ['core/', 'telemetry/'], libraries: [], node: true }],
];

/** Folders of `stores/` that hold no store and that every store may use. */
const sharedByStores: readonly string[] = [
  'stores/in-process/',
  'stores/stored-form/',
  'stores/wrapped/',
  'stores/coalesce.ts',
  'stores/claim-gone.ts',
  'stores/held-elsewhere.ts',
  'stores/whole-store.ts',
];

/** Import arrows of the library that point the wrong way. */
export function wrongArrows(sources: readonly Source[]): Breach[] {
  return sources
    .filter(({ path }) => path.startsWith(librarySource))
    .flatMap((source) =>
      source.imports.flatMap(({ from, line }) => {
        const why = wrong(source.path.slice(librarySource.length), from);
        return why === undefined ? [] : [{ path: source.path, line, message: `imports ${from}: ${why}` }];
      }),
    );
}

function wrong(path: string, from: string): string | undefined {
  const row = rows.find(([begins]) => path.startsWith(begins))?.[1];
  if (row === undefined) return 'this folder has no row in tools/house/arrows.ts';
  if (from.startsWith('node:')) return row.node ? undefined : 'this file runs where there is no Node';
  if (!from.startsWith('.')) return row.libraries.includes(from) ? undefined : 'not a library of this ring';
  const target = posix.normalize(posix.join(posix.dirname(path), from));
  if (row.own.some((allowed) => target === allowed || (!allowed.endsWith('.ts') && target.startsWith(allowed)))) {
    return undefined;
  }
  if (path.startsWith('stores/') && target.startsWith('stores/')) {
    if (storeOf(path) === storeOf(target) || sharedByStores.some((folder) => target.startsWith(folder))) {
      return undefined;
    }
    return 'stores never see each other but through the port';
  }
  return 'the arrow points outwards';
}

/** `stores/sqlite.ts` and everything in `stores/sqlite/` are one store. */
function storeOf(path: string): string {
  return path.split('/')[1]?.replace(/\.ts$/, '') ?? '';
}
