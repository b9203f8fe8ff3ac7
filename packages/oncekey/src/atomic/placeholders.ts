/**
 * Statements come with the placeholders of their database: `$1` (PostgreSQL, in any order and
 * more than once) or `?`. Builders of queries want the text in pieces, with a value between each two.
 */

/** The text in pieces, and the values that stand between them in this order. */
export interface Pieces {
  readonly texts: readonly string[];
  readonly values: readonly (string | null)[];
}

const placeholder = /\$(\d+)|\?/g;

/** Cuts a statement at its placeholders. The statements of the stores have neither sign inside of a text. */
export function pieces(text: string, values: readonly (string | null)[]): Pieces {
  const texts: string[] = [];
  const inOrder: (string | null)[] = [];
  let from = 0;
  for (const match of text.matchAll(placeholder)) {
    texts.push(text.slice(from, match.index));
    from = match.index + match[0].length;
    inOrder.push(values[match[1] === undefined ? inOrder.length : Number(match[1]) - 1] ?? null);
  }
  return { texts: [...texts, text.slice(from)], values: inOrder };
}
