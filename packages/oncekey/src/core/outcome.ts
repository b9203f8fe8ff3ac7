/**
 * What the work produced, as everybody sees it who does not store it: an answer to give
 * again, a value, a failure, or the knowledge that it took effect and was not kept (I2, I4).
 */

/** A name and a value as sent; repeated names are repeated lines. */
export type HeaderLine = readonly [name: string, value: string];

/** An answer to give again byte for byte. */
export interface AnswerOutcome {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: Uint8Array;
}

/** Points at what the work made: its kind and its id. */
export interface Reference {
  readonly kind: string;
  readonly id: string;
}

/** A value that a function returned, encoded, with what people want to find it by. */
export interface ValueOutcome {
  readonly kind: 'value';
  /** JSON text in UTF-8; empty for `undefined`. */
  readonly body: Uint8Array;
  /** The caller's word for how it went, such as `accepted`. */
  readonly label: string | null;
  /** Primary and secondary reference. */
  readonly refs: readonly Reference[];
  /** Any JSON value; null when none. */
  readonly details: unknown;
}

/** The work threw; an effect may exist, so a repeat is told and nothing runs again. */
export interface FailureOutcome {
  readonly kind: 'failure';
  /** The error's name and message. */
  readonly name: string;
  readonly message: string;
}

/** Why an outcome is known to exist but not kept. */
export type NotKeptReason = 'oversize' | 'stream' | 'cut' | 'unserializable' | 'erased';

/** The work took effect; its outcome cannot be given again. With a status, status and headers can. */
export interface NotKeptOutcome {
  readonly kind: 'not-kept';
  readonly reason: NotKeptReason;
  readonly status: number | null;
  readonly headers: readonly HeaderLine[];
}

/** The forms of an outcome. */
export type Outcome = AnswerOutcome | ValueOutcome | FailureOutcome | NotKeptOutcome;

/** The tombstone that an erased record keeps (I14). */
export const erasedOutcome: NotKeptOutcome = { kind: 'not-kept', reason: 'erased', status: null, headers: [] };
