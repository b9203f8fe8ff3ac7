/**
 * Statements that one call or many calls are made of. Their text says what is done with the
 * rows of `asked`; whether that is one row of parameters or the elements of arrays is added
 * here. Both have the same meaning. They are sent unnamed, so that each is planned for the
 * table as it is, and any pooler in between is fine.
 */
import type { Execute, Parameter, Row } from './client.ts';

/** A statement over `asked`, a relation of text columns. */
export interface Statement {
  readonly one: string;
  readonly many: string;
}

/** What one call asks, in the order of the statement's columns. */
export type Asked = readonly Parameter[];

/**
 * Makes a statement. `body` continues after the common table expression `asked` with these columns: more of them
 * after a comma, or the SELECT.
 */
export function statement(columns: readonly string[], body: string): Statement {
  const values = columns.map((name, at) => `$${at + 1}::text AS ${name}`).join(', ');
  // Cast from text, so that the planner does not see how long the arrays are: it guesses few and looks rows up by index.
  const arrays = columns.map((_, at) => `$${at + 1}::text::text[]`).join(', ');
  return {
    one: `WITH asked AS (SELECT ${values}) ${body}`,
    many: `WITH asked AS (SELECT * FROM unnest(${arrays}) AS asked (${columns.join(', ')})) ${body}`,
  };
}

/** Runs the statement for these calls. The caller sorts them by id, so that two batches cannot deadlock. */
export function runStatement(
  execute: Execute,
  { one, many }: Statement,
  calls: readonly Asked[],
): Promise<readonly Row[]> {
  const [first] = calls;
  if (first === undefined) return Promise.resolve([]);
  if (calls.length === 1) return execute(one, first);
  return execute(
    many,
    first.map((_, column) => arrayText(calls, column)),
  );
}

const needsEscape = /["\\]/;

function arrayText(calls: readonly Asked[], column: number): string {
  let text = '{';
  for (const [at, call] of calls.entries()) {
    if (at > 0) text += ',';
    const value = call[column] ?? null;
    if (value === null) text += 'NULL';
    else text += `"${needsEscape.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`;
  }
  return `${text}}`;
}

/** An array of texts as PostgreSQL writes it. */
export function textArray(values: readonly string[]): string {
  return arrayText(
    values.map((value) => [value]),
    0,
  );
}
