/**
 * Heads of answers are mostly the same few again and again. What came a second time within
 * the last few is kept once for all records that have it: shorter records, and nothing to
 * put together for a retry. A head that comes once stays in its record alone.
 */
import type { HeaderLine } from '../../core/outcome.ts';

const remembered = 4;

/** The last few heads of one store. */
export class RecentLines {
  readonly #recent: (readonly HeaderLine[])[] = [];
  #next = 0;

  /** The one list for these lines, or null when they have not come lately. */
  shared(lines: readonly HeaderLine[]): readonly HeaderLine[] | null {
    for (const known of this.#recent) if (sameLines(known, lines)) return known;
    // A copy: the caller's own list is his to change.
    this.#recent[this.#next] = lines.map(([name, value]) => [name, value] as const);
    this.#next = (this.#next + 1) % remembered;
    return null;
  }
}

function sameLines(one: readonly HeaderLine[], other: readonly HeaderLine[]): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) {
    if (one[at]?.[0] !== other[at]?.[0] || one[at]?.[1] !== other[at]?.[1]) return false;
  }
  return true;
}
