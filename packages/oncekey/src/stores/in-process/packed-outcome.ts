/**
 * The outcome's part of a packed record, which comes last: kind, head, and a body that
 * reaches to the end. Bodies are Latin-1 text already; large ones, which are arrays, and
 * tombstones of erasure are not packed.
 */
import type { HeaderLine, Outcome, Reference } from '../../core/outcome.ts';
import { flatCount, flatText, type FlatReader } from './flat-text.ts';
import type { HeldOutcome } from './held-outcome.ts';

const kinds = { answer: 0, value: 1, failure: 2, 'not-kept': 3 } as const satisfies Record<Outcome['kind'], number>;

/** The outcome as text, or null when it is not one that is packed. An answer's head is left out when it is `shared`. */
export function packOutcome(outcome: HeldOutcome, shared: readonly HeaderLine[] | null): string | null {
  const kind = flatCount(kinds[outcome.kind]);
  switch (outcome.kind) {
    case 'answer':
      if (typeof outcome.body !== 'string' || !isStatus(outcome.status)) return null;
      return kind + flatCount(outcome.status) + (shared ? flatText(null) : packLines(outcome.headers)) + outcome.body;
    case 'value': {
      if (typeof outcome.body !== 'string') return null;
      const { label, refs, details, body } = outcome;
      const detailsText = details === null ? null : JSON.stringify(details);
      return kind + flatText(label) + flatText(detailsText) + packReferences(refs) + body;
    }
    case 'failure':
      return kind + flatText(outcome.name) + flatText(outcome.message);
    case 'not-kept': {
      if (outcome.reason === 'erased') return null;
      const status = outcome.status === null ? null : String(outcome.status);
      return kind + flatText(outcome.reason) + flatText(status) + packLines(outcome.headers);
    }
  }
}

/** Reads what {@link packOutcome} wrote. */
export function readOutcome(reader: FlatReader, shared: readonly HeaderLine[] | null): HeldOutcome {
  switch (reader.count()) {
    case kinds.answer:
      return readAnswer(reader, shared);
    case kinds.value:
      return readValue(reader);
    case kinds.failure:
      return { kind: 'failure', name: reader.text(), message: reader.text() };
    default:
      return readNotKept(reader);
  }
}

function readAnswer(reader: FlatReader, shared: readonly HeaderLine[] | null): HeldOutcome {
  const status = reader.count();
  const headers = reader.skipNull() ? (shared ?? []) : readLines(reader);
  return { kind: 'answer', status, headers, body: reader.rest() };
}

function readValue(reader: FlatReader): HeldOutcome {
  const label = reader.textOrNull();
  const detailsText = reader.textOrNull();
  const details: unknown = detailsText === null ? null : JSON.parse(detailsText);
  return { kind: 'value', label, details, refs: readReferences(reader), body: reader.rest() };
}

function readNotKept(reader: FlatReader): HeldOutcome {
  const reason = reader.text() as Extract<HeldOutcome, { kind: 'not-kept' }>['reason'];
  const status = reader.textOrNull();
  return { kind: 'not-kept', reason, status: status === null ? null : Number(status), headers: readLines(reader) };
}

/** Counts are what statuses are packed as: one character for 200 and its neighbours. */
function isStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 0 && status <= 0xffff;
}

function packLines(lines: readonly HeaderLine[]): string {
  let text = flatCount(lines.length);
  for (const line of lines) text += flatText(line[0]) + flatText(line[1]);
  return text;
}

function readLines(reader: FlatReader): readonly HeaderLine[] {
  const lines: HeaderLine[] = [];
  for (let left = reader.count(); left > 0; left--) lines.push([reader.text(), reader.text()]);
  return lines;
}

function packReferences(refs: readonly Reference[]): string {
  let text = flatCount(refs.length);
  for (const { kind, id } of refs) text += flatText(kind) + flatText(id);
  return text;
}

function readReferences(reader: FlatReader): readonly Reference[] {
  const refs: Reference[] = [];
  for (let left = reader.count(); left > 0; left--) refs.push({ kind: reader.text(), id: reader.text() });
  return refs;
}
