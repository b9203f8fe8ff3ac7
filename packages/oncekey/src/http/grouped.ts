/**
 * Header lines by name, for frameworks that take headers as an object.
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
