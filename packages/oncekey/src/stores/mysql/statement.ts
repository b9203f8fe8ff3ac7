/**
 * How values get into statements. A statement for one record is prepared, its values bound;
 * one for many is sent whole, its values written as numbers and hexadecimal literals: no
 * escaping, so that neither `sql_mode` nor the connection's character set can change what
 * is stored, and nothing a caller gave is ever read as SQL.
 */
import type { MysqlValue, Spelled } from './client.ts';

/** Takes a value and answers what stands for it in the text. */
export type Write = (value: MysqlValue) => string;

/** Builds a statement: with placeholders for one record, with literals for several. */
export function spell(records: number, build: (write: Write) => string): Spelled {
  if (records !== 1) return { sql: build(literal) };
  const values: MysqlValue[] = [];
  const sql = build((value) => {
    values.push(typeof value === 'string' ? Buffer.from(value) : bound(value));
    return '?';
  });
  return { sql, values };
}

function bound(value: Exclude<MysqlValue, string>): MysqlValue {
  if (value instanceof Uint8Array && !Buffer.isBuffer(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return value;
}

/** A value as a literal. */
export function literal(value: MysqlValue): string {
  if (value === null) return 'NULL';
  if (typeof value === 'number') return String(value);
  const bytes = typeof value === 'string' ? Buffer.from(value) : (bound(value) as Buffer);
  return `x'${bytes.toString('hex')}'`;
}

/** How many bytes the literals of these take, about: each byte is two digits. */
export function literalBytes(texts: readonly (string | Uint8Array | null)[]): number {
  let bytes = 0;
  for (const text of texts) bytes += text === null ? 4 : 2 * Buffer.byteLength(text) + 4;
  return bytes;
}

/** The instant of the statement by the server's clock, in microseconds since 1970 UTC, whatever its time zone is. */
export const nowUs: string = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))";

/** Holds for a record that has not expired. */
export const living: string = `(expires_at_us IS NULL OR expires_at_us > ${nowUs})`;

const longestUs = 4e15;

/** A duration in microseconds, rounded up; null for ever. At most 126 years, so that sums stay exact. */
export function microseconds(durationMs: number | null): number | null {
  return durationMs === null ? null : Math.min(Math.ceil(durationMs * 1000), longestUs);
}
