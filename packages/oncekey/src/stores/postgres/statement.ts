/**
 * Statements that one call or many calls are made of, from one text: the values of a call
 * are parameters when it is alone, and rows of `asked` when there are several. All forms
 * mean the same. They are sent unnamed, so that each is planned for the table as it is, but
 * for what has no plan to speak of; any pooler in between is fine.
 */
import { createHash } from 'node:crypto';
import type { Execute, Parameter, Row } from './client.ts';

/** A statement in its forms. */
export interface Statement {
  /** For one call, as short as it can be: parsing is most of its work. */
  readonly bare: string;
  /** For one call, as a SELECT: what any library's way of running raw statements answers with rows. */
  readonly one: string;
  /** For several calls. */
  readonly many: string;
  /** Under which the form for one call may be kept prepared; only for what has no plan that could grow old. */
  readonly name?: string;
  /** Place of the column of bytes among the parameters of one call, or -1. */
  readonly bytesAt: number;
}

/** What one call asks, in the order of the statement's columns. */
export type Asked = readonly Parameter[];

/** How a statement's text says what was asked. */
export interface Source<Column extends string> {
  /** Each column: text, but for the column of bytes. */
  readonly a: Readonly<Record<Column, string>>;
  /** Empty, or the relation and a comma: put in front of other relations. */
  readonly among: string;
  /** The same as a whole clause, for those who have no other relation. */
  readonly from: string;
}

// A limit that the planner cannot know: it expects few rows and looks each up by index, also while the table is small,
// empty or never analysed, instead of reading the whole of it for each batch.
const anyNumber = 'LIMIT (SELECT NULL::bigint)';

/** Bytes are asked in base64; their column has this name. */
const bytesColumn = 'body';

/** Makes a statement of one SELECT, or of one INSERT, UPDATE or DELETE that returns rows. */
export function statement<Column extends string>(
  columns: readonly Column[],
  text: (source: Source<Column>) => string,
): Statement {
  const bare = text({ a: alone(columns), among: '', from: '' });
  const many = text(severally(columns));
  return {
    bare,
    one: `WITH done AS (${bare}) SELECT * FROM done`,
    many: `WITH ${askedRows(columns)}, done AS (${many}) SELECT * FROM done`,
    bytesAt: (columns as readonly string[]).indexOf(bytesColumn),
  };
}

/** The same under a name made of its text: another text never has it. */
export function kept(made: Statement): Statement & { readonly name: string } {
  return { ...made, name: `oncekey_${createHash('sha256').update(made.bare).digest('hex').slice(0, 32)}` };
}

function alone<Column extends string>(columns: readonly Column[]): Record<Column, string> {
  const said = (column: string, at: number): string =>
    column === bytesColumn ? `decode($${at + 1}::text, 'base64')` : `$${at + 1}::text`;
  return Object.fromEntries(columns.map((column, at) => [column, said(column, at)])) as Record<Column, string>;
}

function severally<Column extends string>(columns: readonly Column[]): Source<Column> {
  const a = Object.fromEntries(columns.map((column) => [column, `a.${column}`])) as Record<Column, string>;
  return { a, among: 'asked a, ', from: ' FROM asked a' };
}

// Arrays of text are read slowly, so bytes come as one long parameter, with where each begins and how long it is.
function askedRows(columns: readonly string[]): string {
  const bytesAt = columns.indexOf(bytesColumn);
  const arrays = columns.flatMap((column, at) => (at === bytesAt ? [] : [[column, `$${at + 1}::text[]`] as const]));
  if (bytesAt >= 0) {
    const [from, size] = [columns.length + 1, columns.length + 2];
    arrays.push(['body_from', `$${from}::text[]`], ['body_size', `$${size}::text[]`]);
  }
  const names = arrays.map(([name]) => name).join(', ');
  const rows = `SELECT * FROM unnest(${arrays.map(([, array]) => array).join(', ')}) AS given (${names}) ${anyNumber}`;
  if (bytesAt < 0) return `asked AS (${rows})`;
  const cut = `substring(decode($${bytesAt + 1}::text, 'base64') FROM body_from::integer FOR body_size::integer)`;
  return `asked AS (SELECT given.*, ${cut} AS ${bytesColumn} FROM (${rows}) AS given)`;
}

/** Runs the statement for these calls. The caller sorts them by id, so that two batches cannot deadlock. */
export function runStatement(
  execute: Execute,
  statementRun: Statement,
  calls: readonly Asked[],
  form: 'bare' | 'one' = 'one',
): Promise<readonly Row[]> {
  const [first] = calls;
  if (first === undefined) return Promise.resolve([]);
  if (calls.length === 1)
    return form === 'bare' ? execute(statementRun.bare, first, statementRun.name) : execute(statementRun.one, first);
  return execute(statementRun.many, severalParameters(statementRun, first, calls));
}

function severalParameters({ bytesAt }: Statement, first: Asked, calls: readonly Asked[]): string[] {
  const parameters = first.map((_, column) => (column === bytesAt ? joined(calls, column) : arrayText(calls, column)));
  if (bytesAt >= 0) parameters.push(...places(calls, bytesAt));
  return parameters;
}

// The end of a piece is filled up with nothing but zeros, so that the next can follow it.
function joined(calls: readonly Asked[], column: number): string {
  let text = '';
  for (const call of calls) text += call[column]?.replaceAll('=', 'A') ?? '';
  return text;
}

/** Where each piece begins, counted from 1, and its size without what fills it up. */
function places(calls: readonly Asked[], column: number): [from: string, size: string] {
  const [begins, sizes]: [number[], (number | 'NULL')[]] = [[], []];
  let at = 1;
  for (const call of calls) {
    const text = call[column] ?? null;
    const filled = ((text?.length ?? 0) / 4) * 3;
    begins.push(at);
    sizes.push(text === null ? 'NULL' : filled - fillingOf(text));
    at += filled;
  }
  return [`{${begins.join(',')}}`, `{${sizes.join(',')}}`];
}

function fillingOf(text: string): number {
  return text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0;
}

const needsEscape = /["\\]/;

function arrayText(calls: readonly Asked[], column: number): string {
  let text = '{';
  for (let at = 0; at < calls.length; at++) {
    if (at > 0) text += ',';
    const value = calls[at]?.[column] ?? null;
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
