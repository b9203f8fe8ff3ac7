/**
 * The words that people find an outcome by, checked before they reach a store (I7): an error
 * names the field and says what to do.
 */
import { IdempotencyError } from '../core/errors.ts';
import type { Reference, ValueOutcome } from '../core/outcome.ts';
import { decodeValue, encodeValue } from '../core/value.ts';
import { soundName } from './names.ts';
import type { OutcomeWords } from './once.ts';

/** Words as they are stored. */
type StoredWords = Pick<ValueOutcome, 'label' | 'refs' | 'details'>;

/** No words. */
export const noWords: StoredWords = { label: null, refs: [], details: null };

/** Words trimmed, and details as JSON makes them. Throws `field_invalid`, naming the field. */
export function soundWords({ kind, refs, details }: OutcomeWords, limitBytes: number): StoredWords {
  return {
    label: kind === undefined || kind === null ? null : soundName('kind', kind),
    refs: refs === undefined || refs === null ? [] : soundReferences(refs),
    details: details === undefined || details === null ? null : soundDetails(details, limitBytes),
  };
}

function soundReferences(refs: readonly Reference[]): readonly Reference[] {
  if (!Array.isArray(refs) || refs.length > 2) {
    const reason = 'is not a list of one or two';
    const message = `refs ${reason}; give a primary and a secondary reference, each { kind, id }`;
    throw new IdempotencyError('field_invalid', message, { field: 'refs', reason });
  }
  return refs.map((ref: Partial<Reference> | undefined, at) => ({
    kind: soundName(`refs[${at}].kind`, ref?.kind),
    id: soundName(`refs[${at}].id`, ref?.id),
  }));
}

function soundDetails(details: unknown, limitBytes: number): unknown {
  try {
    return decodeValue(encodeValue(details, limitBytes));
  } catch (cause) {
    if (!IdempotencyError.is(cause)) throw cause;
    const reason = IdempotencyError.is(cause, 'outcome_unserializable')
      ? cause.details.reason
      : `has more than the ${limitBytes} bytes that are kept`;
    const message = `details cannot be stored: ${reason}; give less, as plain JSON`;
    throw new IdempotencyError('field_invalid', message, { field: 'details', reason }, { cause });
  }
}
