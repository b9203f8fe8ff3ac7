/**
 * Every file opens with a header comment and every export carries a doc sentence. The
 * rule reads that they are there and end like sentences; whether they are true is for
 * readers.
 */
import type { Breach, Comment, Source, SyntaxNode } from './source.ts';
import { isNode, lineAt } from './source.ts';

/** Something exported under a name of its own; re-exports are documented where they come from. */
export interface ExportedDeclaration {
  readonly name: string;
  readonly node: SyntaxNode;
  /** Where the export statement begins. */
  readonly start: number;
}

const headerLinesMax = 12;

/** What a file exports and declares itself. */
export function exportedDeclarations(source: Source): ExportedDeclaration[] {
  const body = source.program['body'] as readonly SyntaxNode[];
  return body.flatMap((statement) => {
    const node = statement['declaration'];
    if (!/^Export(Named|Default)Declaration$/.test(statement.type) || !isNode(node)) return [];
    const declarators = Array.isArray(node['declarations']) ? (node['declarations'] as SyntaxNode[]) : [node];
    return declarators.map((declarator) => ({
      name: nameOf(declarator['id']),
      node: declarator,
      start: statement.start,
    }));
  });
}

/** Exports without a doc comment that ends like a sentence. Overloads share the first one's. */
export function undocumentedExports(sources: readonly Source[]): Breach[] {
  return sources.flatMap((source) => {
    const documented = new Set<string>();
    return exportedDeclarations(source).flatMap(({ name, start }) => {
      if (documented.has(name)) return [];
      documented.add(name);
      if (isSentence(docBefore(source, start))) return [];
      return [{ path: source.path, line: lineAt(source.text, start), message: `${name} has no doc sentence` }];
    });
  });
}

/** Files that do not open with a header comment, or with one that nobody reads. */
export function headerless(sources: readonly Source[]): Breach[] {
  return sources.flatMap(({ path, text, comments }) => {
    const lines = headerLines(text, comments);
    if (lines >= 1 && lines <= headerLinesMax) return [];
    return [{ path, line: 1, message: `opens with a header comment of ${lines} lines, not 1 to ${headerLinesMax}` }];
  });
}

function nameOf(id: unknown): string {
  return isNode(id) && typeof id['name'] === 'string' ? id['name'] : 'default';
}

function docBefore(source: Source, start: number): string {
  const doc = source.comments.find(({ end }) => end <= start && source.text.slice(end, start).trim() === '');
  return doc !== undefined && doc.type === 'Block' && doc.value.startsWith('*') ? doc.value : '';
}

function isSentence(doc: string): boolean {
  return /\p{L}[^]*[.!?:)`](\s|$)/u.test(doc.replaceAll(/^\s*\*+/gm, ''));
}

function headerLines(text: string, comments: readonly Comment[]): number {
  const begin = text.startsWith('#!') ? text.indexOf('\n') + 1 : 0;
  const [first] = comments.filter(({ start }) => start >= begin);
  if (first === undefined || text.slice(begin, first.start).trim() !== '') return 0;
  if (first.type === 'Block') return first.value.split('\n').length;
  return text
    .slice(begin)
    .split('\n')
    .findIndex((line) => !line.startsWith('//'));
}
