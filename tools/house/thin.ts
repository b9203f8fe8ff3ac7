/**
 * A framework's entry is two translations: it knows no status number and no header name,
 * and stays short. Whatever it would decide by them is the protocol's to decide, once.
 */
import type { Breach, Source } from './source.ts';
import { lineAt, nodesOf } from './source.ts';
import { linesOf } from './size.ts';

const linesMax = 100;
const headerName = /^(content|retry|idempotenc?[ty]|cache|transfer|access|set|www)-[a-z-]+$/i;

/** What an entry knows that it should not. */
export function thickEntries(entries: readonly Source[]): Breach[] {
  return entries.flatMap((source) => {
    const found: Breach[] = [];
    const lines = linesOf(source);
    if (lines > linesMax) found.push({ path: source.path, line: 1, message: `an entry of ${lines} lines` });
    for (const node of nodesOf(source.program)) {
      const value = node.type === 'Literal' ? node['value'] : undefined;
      const status = typeof value === 'number' && value >= 100 && value <= 599;
      if (!status && !(typeof value === 'string' && headerName.test(value))) continue;
      found.push({ path: source.path, line: lineAt(source.text, node.start), message: `an entry knows ${value}` });
    }
    return found;
  });
}
