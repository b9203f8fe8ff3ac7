/**
 * Sizes that keep the house readable in one sitting: a file ≤ 400 lines, a function
 * ≤ 70 of its own (a store is a function that returns methods; they count for
 * themselves), the whole core ≤ 1,500. The limits are ratchets: what is accepted above
 * them is listed with its size, may shrink and never grow.
 */
import type { Breach, Source, SyntaxNode } from './source.ts';
import { childrenOf, isNode, lineAt, nodesOf } from './source.ts';

/** Lines. */
export const limits: { readonly file: number; readonly function: number; readonly core: number } = {
  file: 400,
  function: 70,
  core: 1500,
};

/** Accepted beyond the limits: `path` or `path#function`, and the lines it may have. */
export const accepted: Readonly<Record<string, number>> = {};

/** Files and functions over their limit. */
export function tooLong(sources: readonly Source[], allowed: Readonly<Record<string, number>> = accepted): Breach[] {
  return sources.flatMap((source) => {
    const lines = linesOf(source);
    const found: Breach[] = [];
    if (lines > (allowed[source.path] ?? limits.file)) {
      found.push({ path: source.path, line: 1, message: `the file has ${lines} lines` });
    }
    for (const { name, node } of functionsOf(source.program)) {
      const line = lineAt(source.text, node.start);
      const length = ownLines(source.text, node);
      if (length > (allowed[`${source.path}#${name}`] ?? limits.function)) {
        found.push({ path: source.path, line, message: `${name} has ${length} lines` });
      }
    }
    return found;
  });
}

/** Lines of a file. */
export function linesOf({ text }: Source): number {
  return text.split('\n').length - 1;
}

const functionTypes = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression']);

function functionsOf(program: SyntaxNode): { name: string; node: SyntaxNode }[] {
  return [...nodesOf(program)].filter(isFunction).map((node) => ({
    name: isNode(node['id']) ? String(node['id']['name']) : 'a function',
    node,
  }));
}

function isFunction({ type }: SyntaxNode): boolean {
  return functionTypes.has(type);
}

/** Lines of a function without those of the functions in it; a function on one line takes none away. */
function ownLines(text: string, node: SyntaxNode): number {
  const lines = (each: SyntaxNode): number => lineAt(text, each.end) - lineAt(text, each.start);
  return lines(node) + 1 - outermostFunctions(node).reduce((sum, inner) => sum + lines(inner), 0);
}

function outermostFunctions(node: SyntaxNode): SyntaxNode[] {
  return childrenOf(node).flatMap((child) => (isFunction(child) ? [child] : outermostFunctions(child)));
}
