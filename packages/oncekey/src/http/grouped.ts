/**
 * Header lines by name: some frameworks take one value or list a name, not lines.
 */
import type { HeaderLine } from '../core/outcome.ts';

/** Values by lower-case name; one alone stands for itself, as frameworks compare some. */
export function grouped(lines: readonly HeaderLine[]): Record<string, string | string[]> {
  // Without a prototype, so that every name is only a name.
  const groups = Object.create(null) as Record<string, string | string[]>;
  for (const [name, value] of lines) {
    const lower = name.toLowerCase();
    const seen = groups[lower];
    groups[lower] = seen === undefined ? value : [...(typeof seen === 'string' ? [seen] : seen), value];
  }
  return groups;
}

/** Whether a name has several lines. */
export function namesRepeat(lines: readonly HeaderLine[]): boolean {
  for (let at = 1; at < lines.length; at++) {
    const name = lines[at]?.[0] ?? '';
    for (let before = 0; before < at; before++) {
      const other = lines[before]?.[0] ?? '';
      // The length decides nearly always, and costs nothing.
      if (name.length === other.length && name.toLowerCase() === other.toLowerCase()) return true;
    }
  }
  return false;
}
