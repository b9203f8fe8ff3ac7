/**
 * Statements that one call or many calls are made of, from one text: the values of a call
 * are parameters when it is alone, and rows of `asked` when there are several. All forms
 * mean the same. They are kept prepared, which spares most of the work of a short statement,
 * but planned anew for the table as it is each time, for a plan of yesterday would read the
 * whole of it; those without a plan to speak of keep theirs.
 */
import { createHash } from 'node:crypto';
import type { Execute, Parameter, Row } from './client.ts';
import { plainText } from './expressions.ts';

/** A statement in its forms. */
export interface Statement {
  /** For one call. */
  readonly bare: string;
  /** For one call, as a SELECT: what any library's way of running raw statements answers with rows. */
  readonly one: string;
  /** For several calls. */
  readonly many: string;
  /** Under which `bare` and `many` may be kept prepared. */
  readonly names: { readonly bare: string; readonly many: string };
  /** Whether `bare` and `many` end in a parameter that is always null. */
  readonly isPlannedAnew: boolean;
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
  /** What an INSERT takes: one call's values as they are, for a SELECT would be a plan of its own below the insert's. */
  inserted(values: string): string;
}

// A limit that the planner cannot know: it expects few rows and looks each up by index, also while the table is small,
// empty or never analysed, instead of reading the whole of it for each batch.
const anyNumber = 'LIMIT (SELECT NULL::bigint)';

// What the planner takes for a long work, unless it knows that the parameter is null: a plan for any parameters, which a
// prepared statement would keep, looks dearer than to plan for these each time. It is never run, and not so dear that a
// server which is told to keep plans all the same would compile it first (`jit_above_cost`).
const anewUnless = '(SELECT count(*) FROM generate_series(1, 4000000))';

/** Bytes are asked in base64; their column has this name. */
const bytesColumn = 'body';

/** Makes a statement of one SELECT, or of one INSERT, UPDATE or DELETE that returns rows. */
export function statement<Column extends string>(
  columns: readonly Column[],
  text: (source: Source<Column>) => string,
): Statement {
  return make(columns, text, true);
}

/** The same for an INSERT, which looks nothing up: its plan cannot grow old. */
export function steadyStatement<Column extends string>(
  columns: readonly Column[],
  text: (source: Source<Column>) => string,
): Statement {
  return make(columns, text, false);
}

function make<Column extends string>(
  columns: readonly Column[],
  text: (source: Source<Column>) => string,
  isPlannedAnew: boolean,
): Statement {
  const bytesAt = (columns as readonly string[]).indexOf(bytesColumn);
  const written = (a: Record<Column, string>): string => text({ a, among: '', from: '', inserted: onlyRow });
  const isAny = (place: number): string => (isPlannedAnew ? `$${place}::text IS NULL` : '');
  const bare = written(alone(columns, isAny(columns.length + 1)));
  const rows = askedRows(columns, bytesAt, isAny(columns.length + (bytesAt < 0 ? 1 : 3)));
  const many = `WITH ${rows} ${text(severally(columns))}`;
  return {
    bare,
    one: `WITH done AS (${written(alone(columns, ''))}) SELECT * FROM done`,
    many,
    names: { bare: nameOf(bare), many: nameOf(many) },
    isPlannedAnew,
    bytesAt,
  };
}

/** Made of the text: another text never has it. */
export function nameOf(text: string): string {
  return `oncekey_${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

function alone<Column extends string>(columns: readonly Column[], isAny: string): Record<Column, string> {
  const said = (column: string, at: number): string => {
    const parameter = `$${at + 1}::text`;
    if (column === bytesColumn) return `decode(${parameter}, 'base64')`;
    return at > 0 || isAny === '' ? parameter : `CASE WHEN ${isAny} THEN ${parameter} ELSE ${anewUnless}::text END`;
  };
  return Object.fromEntries(columns.map((column, at) => [column, said(column, at)])) as Record<Column, string>;
}

function severally<Column extends string>(columns: readonly Column[]): Source<Column> {
  const a = Object.fromEntries(columns.map((column) => [column, `a.${column}`])) as Record<Column, string>;
  const from = ' FROM asked a';
  return { a, among: 'asked a, ', from, inserted: (values) => `SELECT ${values}${from}` };
}

/** Values as the only row of an INSERT. */
export function onlyRow(values: string): string {
  return `VALUES (${values})`;
}

// Arrays of text are read slowly, so bytes come as one long parameter, with where each begins and how long it is.
function askedRows(columns: readonly string[], bytesAt: number, isAny: string): string {
  const arrays = columns.flatMap((column, at) => (at === bytesAt ? [] : [[column, `$${at + 1}::text[]`] as const]));
  if (bytesAt >= 0) {
    const [from, size] = [columns.length + 1, columns.length + 2];
    arrays.push(['body_from', `$${from}::text[]`], ['body_size', `$${size}::text[]`]);
  }
  const names = arrays.map(([name]) => name).join(', ');
  const all = isAny === '' ? '' : `WHERE ${isAny} OR ${anewUnless} = 0 `;
  const unnested = `unnest(${arrays.map(([, array]) => array).join(', ')}) AS given (${names})`;
  const rows = `SELECT * FROM ${unnested} ${all}${anyNumber}`;
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
  const { names, bare, one, many, isPlannedAnew } = statementRun;
  if (calls.length > 1) return execute(many, severalParameters(statementRun, first, calls), names.many);
  if (form === 'one') return execute(one, first);
  return execute(bare, isPlannedAnew ? [...first, null] : first, names.bare);
}

function severalParameters(
  { bytesAt, isPlannedAnew }: Statement,
  first: Asked,
  calls: readonly Asked[],
): (string | null)[] {
  const parameters: (string | null)[] = first.map((_, column) =>
    column === bytesAt ? joined(calls, column) : arrayText(calls, column),
  );
  if (bytesAt >= 0) parameters.push(...places(calls, bytesAt));
  if (isPlannedAnew) parameters.push(null);
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
    else text += quoted(value);
  }
  return `${text}}`;
}

function quoted(value: string): string {
  return `"${needsEscape.test(value) ? value.replaceAll(/["\\]/g, '\\$&') : value}"`;
}

/** An array of texts as PostgreSQL writes it, each as it can be stored. */
export function textArray(values: readonly string[]): string {
  return `{${values.map((value) => quoted(plainText(value))).join(',')}}`;
}
