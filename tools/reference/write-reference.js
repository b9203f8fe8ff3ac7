/**
 * The reference in docs/reference/api is made from the sources' own doc comments, one page a
 * subpath, so that it cannot say anything else than they do. A test makes it anew and
 * compares. Run it after a change of anything public: `npm run reference`.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { outside } from '../outside/outside.js';

const run = promisify(execFile);
const library = fileURLToPath(new URL('../../packages/oncekey/', import.meta.url));

/** Where the reference lies in the repository. */
export const referenceFolder = fileURLToPath(new URL('../../docs/reference/api/', import.meta.url));

/**
 * Writes the whole reference into `folder`, which is emptied first. Rejects with the tool's own words.
 * @param {string} folder
 */
export async function writeReference(folder) {
  const { folder: tools } = await outside('reference');
  // Inside the package, so that its own imports resolve; one file a subpath, so that pages bear the subpaths' names.
  const entries = await mkdtemp(join(library, '.reference-'));
  try {
    const files = await writeEntries(entries);
    const modules = join(tools, 'node_modules');
    const options = {
      plugin: [join(modules, 'typedoc-plugin-markdown/dist/index.js')],
      tsconfig: join(entries, 'tsconfig.json'),
      entryPoints: files,
      out: folder,
      name: 'Reference',
      readme: 'none',
      outputFileStrategy: 'modules',
      entryFileName: 'README',
      hidePageHeader: true,
      hideBreadcrumbs: true,
      excludeExternals: true,
      disableSources: true,
      disableGit: true,
      logLevel: 'Error',
      skipErrorChecking: true,
      parametersFormat: 'table',
      interfacePropertiesFormat: 'table',
      typeDeclarationFormat: 'table',
      sort: ['source-order'],
      groupOrder: ['Functions', 'Classes', 'Interfaces', 'Type Aliases', '*'],
    };
    const file = join(entries, 'typedoc.json');
    await writeFile(file, JSON.stringify(options));
    await run(process.execPath, [join(modules, 'typedoc/bin/typedoc'), '--options', file], { cwd: library });
  } finally {
    await rm(entries, { recursive: true, force: true });
  }
}

/** @param {string} folder */
async function writeEntries(folder) {
  const { exports } = JSON.parse(await readFile(join(library, 'package.json'), 'utf8'));
  await mkdir(folder, { recursive: true });
  const files = [];
  for (const [subpath, target] of Object.entries(exports)) {
    if (typeof target === 'string') continue;
    const source = join(library, target.types.replace('./dist/', 'src/').replace(/\.d\.ts$/, '.ts'));
    const file = join(folder, `${subpath === '.' ? 'oncekey' : subpath.slice('./'.length)}.ts`);
    await writeFile(file, `export * from '${relative(folder, source)}';\n`);
    files.push(file);
  }
  const settings = {
    extends: '../tsconfig.json',
    compilerOptions: { rootDir: '..' },
    include: [],
    files: [...files, '../web-types.d.ts'],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await writeReference(referenceFolder);
