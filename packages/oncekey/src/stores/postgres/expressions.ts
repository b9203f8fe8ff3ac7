/**
 * Pieces of SQL that several statements share. The server's clock at the moment of reading
 * it judges everything: `now()` would be the start of a transaction.
 */

/** The instant so many milliseconds from now; null stays null. */
export function fromNow(durationMs: string): string {
  return `clock_timestamp() + ${durationMs}::float8 * interval '1 millisecond'`;
}

/** Unix milliseconds as text. */
export function unixMs(instant: string): string {
  return `round(date_part('epoch', ${instant}) * 1000)::text`;
}

/** Whole milliseconds from now until then, as text. */
export function msUntil(instant: string): string {
  return `ceil(date_part('epoch', ${instant} - clock_timestamp()) * 1000)::text`;
}

/** The instant of Unix milliseconds given as text. */
export function instantOf(ms: string): string {
  return `to_timestamp(${ms}::float8 / 1000)`;
}

/** Whether record `r` is the one with this id, given as hexadecimal digits. */
export function hasId(id: string): string {
  return `r.id = decode(${id}, 'hex')`;
}

/** Whether record `r` counts as there: what has expired does not, though it may not have been swept. */
export const isThere: string = '(r.expires_at IS NULL OR r.expires_at > clock_timestamp())';

/** Whether the asking token owns record `r`. The lease may be over: nobody replaced him. */
export function isOwned({ id, token }: { readonly id: string; readonly token: string }): string {
  return `${hasId(id)} AND r.token = ${token} AND r.state = 'in-progress' AND ${isThere}`;
}

const longestMs = 1e14;

/** A duration as a parameter: three thousand years are for ever enough, and an instant that PostgreSQL has. */
export function durationText(durationMs: number | null): string | null {
  return durationMs === null ? null : String(Math.min(durationMs, longestMs));
}

/** A text as PostgreSQL can store it: a NUL, which it cannot, becomes a replacement character. */
export function plainText<T extends string | null>(text: T): T {
  return (text?.includes('\0') === true ? text.replaceAll('\0', '\ufffd') : text) as T;
}
