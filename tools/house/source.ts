/**
 * Reads the tree as the house rules see it: every text file of the repository, and
 * TypeScript parsed into a syntax tree. It walks folders itself and does not ask git,
 * so that the rules hold in an unpacked archive as well. It judges nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSync } from 'rolldown/utils';

/** The repository's root folder. */
export const root: string = fileURLToPath(new URL('../../', import.meta.url));

/** One breach of a rule, and where. */
export interface Breach {
  /** Path from the root, with `/`. */
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** A node of the syntax tree, in the ESTree shape of the parser. */
export interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** A comment and where it stands. */
export interface Comment {
  readonly type: 'Line' | 'Block';
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/** An import, a re-export or a type import. */
export interface Import {
  readonly from: string;
  readonly line: number;
}

/** A parsed TypeScript file. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly program: SyntaxNode;
  readonly comments: readonly Comment[];
  readonly imports: readonly Import[];
}

const skippedFolders = new Set(['node_modules', 'dist', '.git', 'coverage']);

/** Paths of all files under `folder` (from the root, with `/`), without dependencies and build output; sorted. */
export function filesUnder(folder = '.'): string[] {
  const paths: string[] = [];
  const visit = (current: string): void => {
    for (const entry of readdirSync(current, { withFileTypes: true })) {
      const path = join(current, entry.name);
      if (entry.isFile()) paths.push(relative(root, path).split(sep).join('/'));
      else if (entry.isDirectory() && !skippedFolders.has(entry.name)) visit(path);
    }
  };
  visit(join(root, folder));
  return paths.toSorted();
}

/** The text of a file of the repository. */
export function textOf(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

/** The line number (from 1) of an offset. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1;
  return line;
}

/** The nodes right below a node, in order. */
export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  return Object.values(node).flatMap((field) =>
    Array.isArray(field) ? field.filter(isNode) : isNode(field) ? field : [],
  );
}

/** The node and everything below it, parents first. */
export function* nodesOf(node: SyntaxNode): Generator<SyntaxNode> {
  yield node;
  for (const child of childrenOf(node)) yield* nodesOf(child);
}

/** Whether `value` is a node of the tree. */
export function isNode(value: unknown): value is SyntaxNode {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string';
}

/** Parses TypeScript; throws on a syntax error. */
export function parseSource(path: string, text: string): Source {
  const parsed = parseSync(path, text, { lang: 'ts' });
  const [error] = parsed.errors;
  if (error !== undefined) throw new SyntaxError(`${path}: ${error.message}`);
  const program = parsed.program as unknown as SyntaxNode;
  const imports: Import[] = [];
  for (const node of nodesOf(program)) {
    const from = importedBy(node);
    if (from !== undefined) imports.push({ from, line: lineAt(text, node.start) });
  }
  return { path, text, program, comments: parsed.comments, imports };
}

const importingTypes = new Set([
  'ImportDeclaration',
  'ImportExpression',
  'TSImportType',
  'ExportAllDeclaration',
  'ExportNamedDeclaration',
]);

function importedBy(node: SyntaxNode): string | undefined {
  if (!importingTypes.has(node.type)) return undefined;
  const literal = node['source'];
  return isNode(literal) && typeof literal['value'] === 'string' ? literal['value'] : undefined;
}

/** All TypeScript files under `folder`, parsed. */
export function sourcesUnder(folder: string): Source[] {
  return filesUnder(folder)
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.d.ts'))
    .map((path) => parseSource(path, textOf(path)));
}

/** The code of the packages: what users run. */
export function shippedSources(): Source[] {
  return sourcesUnder('packages').filter(({ path }) => /^packages\/[^/]+\/src\//.test(path));
}

/** Breaches as lines for people, for a test to compare with an empty list. */
export function told(breaches: readonly Breach[]): string[] {
  return breaches.map(({ path, line, message }) => `${path}:${line} ${message}`);
}
