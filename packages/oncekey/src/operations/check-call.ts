/**
 * A call that cannot run is told before anything is claimed: its key must not be spent on a
 * mistake of the program.
 */

/** Throws a TypeError where there is no call, or where what is to run is no function. */
export function checkCall(call: unknown, ...acts: readonly unknown[]): void {
  if (typeof call !== 'object' || call === null)
    throw new TypeError('call is missing; pass what names the operation: { scope, operation, key }');
  for (const act of acts)
    if (typeof act !== 'function') throw new TypeError('act is missing; pass the function that does the work');
}
