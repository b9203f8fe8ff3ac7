/**
 * Outcomes as a store inside this process holds them. They share no bytes with the caller,
 * who may reuse his buffer. A small body is a string of one byte a character: it lives on
 * the ordinary heap and takes half the memory of an array with a buffer of its own.
 */
import type { AnswerOutcome, FailureOutcome, NotKeptOutcome, Outcome, ValueOutcome } from '../../core/outcome.ts';

/** Bytes: small ones as Latin-1 text where the platform can turn one into the other quickly. */
export type HeldBytes = string | Uint8Array;

/** An outcome whose body is held. */
export type HeldOutcome =
  | (Omit<AnswerOutcome, 'body'> & { readonly body: HeldBytes })
  | (Omit<ValueOutcome, 'body'> & { readonly body: HeldBytes })
  | FailureOutcome
  | NotKeptOutcome;

const textLimitBytes = 4096;
const hasBuffer = typeof Buffer !== 'undefined';

/** Takes an outcome into the store. `details` become what JSON makes of them. */
export function holdOutcome(outcome: Outcome): HeldOutcome {
  switch (outcome.kind) {
    case 'answer':
      return { kind: 'answer', status: outcome.status, headers: outcome.headers, body: holdBytes(outcome.body) };
    case 'value': {
      const { label, refs, details } = outcome;
      const ownDetails: unknown = details === null ? null : (JSON.parse(JSON.stringify(details) ?? 'null') as unknown);
      return { kind: 'value', body: holdBytes(outcome.body), label, refs, details: ownDetails };
    }
    case 'failure':
    case 'not-kept':
      return outcome;
  }
}

/** Gives an outcome out again. */
export function giveOutcome(held: HeldOutcome): Outcome {
  switch (held.kind) {
    case 'answer':
      return { kind: 'answer', status: held.status, headers: held.headers, body: giveBytes(held.body) };
    case 'value': {
      const { label, refs, details } = held;
      return { kind: 'value', body: giveBytes(held.body), label, refs, details };
    }
    case 'failure':
    case 'not-kept':
      return held;
  }
}

function holdBytes(bytes: Uint8Array): HeldBytes {
  if (!hasBuffer || bytes.byteLength > textLimitBytes) return new Uint8Array(bytes);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

function giveBytes(held: HeldBytes): Uint8Array {
  return typeof held === 'string' ? Buffer.from(held, 'latin1') : held;
}
