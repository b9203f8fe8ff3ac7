/** Rows out of what libraries answer: an array of rows, `{ rows }`, or `[rows, columns]`. */

/** Throws a TypeError for anything else: no row is ever invented. */
export function rowsOf(answer: unknown): readonly object[] {
  if (Array.isArray(answer)) {
    const [first] = answer as unknown[];
    return Array.isArray(first) ? (first as object[]) : (answer as object[]);
  }
  const { rows } = (answer ?? {}) as { rows?: unknown };
  if (Array.isArray(rows)) return rows as object[];
  // What writes and gives no rows, such as an UPDATE of MySQL.
  if (typeof answer === 'object' && answer !== null) return [];
  throw new TypeError(`atomic: the library answered ${String(answer)} where rows were expected`);
}
