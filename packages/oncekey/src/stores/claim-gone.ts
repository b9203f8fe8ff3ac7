/**
 * What a completion inside a transaction is told when the claim that this very transaction has
 * made is not there. Nobody else can have taken it, so that it is a mistake of the program, and
 * must not look like a duplicate that is still at work. Shared by the stores that bind
 * themselves to transactions.
 */

/** To be thrown: the outcome was not stored. */
export function claimGone(): TypeError {
  return new TypeError(
    'atomic: the transaction of the claim is over; leave COMMIT, ROLLBACK and what commits by itself out of the work, and begin a transaction before once.within',
  );
}
