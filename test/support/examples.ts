/**
 * The code blocks of documents as programs: compiled together against the built package, each run in a folder of
 * its own, and held to the output that its comments promise. It starts no server; a block that wants one says so after its language.
 */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { blocksOf } from '../../tools/house/prose.ts';
import { root, run, tool } from './scratch.ts';
import type { Ended } from './scratch.ts';

/** One block. */
export interface Example {
  /** Page and line, for people. */
  readonly name: string;
  readonly file: string;
  /** What stands after its language. */
  readonly words: readonly string[];
  readonly text: string;
}

/** The guide's pages and the README, by their paths from the root. */
export function examplePages(): string[] {
  const guides = readdirSync(join(root, 'docs', 'guide'), { recursive: true, encoding: 'utf8' });
  return ['README.md', ...guides.filter((file) => file.endsWith('.md')).map((file) => `docs/guide/${file}`)];
}

/** The TypeScript and JavaScript blocks of pages, but for those that say `no-run`. */
export function examplesOf(pages: readonly string[]): Example[] {
  const blocks = pages.flatMap((path) =>
    blocksOf({ path, text: readFileSync(join(root, path), 'utf8') }).map((block) => ({ ...block, path })),
  );
  return blocks
    .map(({ path, line, text, info }, index): Example & { language: string } => {
      const [language = '', ...words] = info.split(' ');
      return { name: `${path}:${line}`, file: `example-${index + 1}`, language, words, text };
    })
    .filter(({ language, words }) => /^(ts|js)$/.test(language) && !words.includes('no-run'));
}

/** Writes them into `folder`, as a project that has the packages of this repository and of `others`, folders named `node_modules`. */
export function writeExamples(folder: string, examples: readonly Example[], others: readonly string[] = []): void {
  linkPackages(join(folder, 'node_modules'), [join(root, 'node_modules'), ...others]);
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  // As most projects have it: frameworks' own declarations are not what is tested.
  const loose = { isolatedDeclarations: false, declaration: false, skipLibCheck: true };
  const compilerOptions = { rootDir: '.', outDir: 'built', ...loose };
  const settings = { extends: join(root, 'tsconfig.base.json'), compilerOptions, include: ['*.ts'] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(settings));
  for (const { file, text } of examples) writeFileSync(join(folder, `${file}.ts`), text);
}

// The first that has a package gives it.
function linkPackages(into: string, from: readonly string[]): void {
  mkdirSync(into);
  const linked = new Set<string>();
  for (const modules of from) {
    for (const name of readdirSync(modules)) {
      if (name.startsWith('.') || linked.has(name)) continue;
      linked.add(name);
      symlinkSync(join(modules, name), join(into, name));
    }
  }
}

/** Compiles what was written. */
export function compileExamples(folder: string): Promise<Ended> {
  return run(tool('tsc'), ['-p', '.'], folder);
}

/** How a block is run. */
export interface Running {
  /** A program that follows; it finds the block's exports in `example`. */
  readonly ending?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Runs a built example in a folder of its own, so that none finds another one's files. */
export function runExample(folder: string, { file }: Example, { ending = '', env = {} }: Running = {}): Promise<Ended> {
  const own = join(folder, 'runs', file);
  mkdirSync(own, { recursive: true });
  const program = `const example = await import(${JSON.stringify(join(folder, 'built', `${file}.js`))});\n${ending}`;
  const quiet = '--disable-warning=ExperimentalWarning';
  return run('node', [quiet, '--input-type=module', '--eval', program], own, env);
}

/** How a block that does what it promises ends: by the comments behind its calls of console.log. */
export function promisedEnding({ text }: Example): Ended {
  const lines = [...text.matchAll(/console\.log\(.*\); \/\/ (.+)$/gm)].map(([, promise = '']) => `${promise}\n`);
  return { code: 0, text: lines.join('') };
}
