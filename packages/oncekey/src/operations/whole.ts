/**
 * Options that are whole numbers, checked where something is made: a NaN, an Infinity or a
 * text would show only later, as a timer or a limit that is none.
 */

/** The number. Throws a TypeError that names it, when it is no whole one or below `least` (default 1). */
export function whole(name: string, value: unknown, least: number = 1): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
  throw new TypeError(`${name} is ${String(value)}; use a whole number, at least ${least}`);
}
