/**
 * An outcome inside a record, with a checksum of its bytes: what does not match throws
 * `record_unreadable` instead of replaying other bytes than were stored (I4). The head of
 * an answer, which most outcomes are, is packed; the others are JSON.
 *
 *     4 checksum · 1 kind · [answer: 2 status] · 3+n head, nothing for the usual one of a value · body
 */
import { crc32 } from 'node:zlib';
import type { HeaderLine, Outcome } from '../../core/outcome.ts';
import type { RecordId } from '../../core/store.ts';
import { unreadable } from '../stored-form/checked-outcome.ts';
import { answerOf, joinOutcome, plainHead, splitOutcome } from '../stored-form/outcome.ts';
import { ByteReader, plain, type ByteWriter } from './bytes.ts';

const kinds = ['answer', 'value', 'failure', 'not-kept'] as const;

/** Lines that nearly every answer has take one byte, their place here counted from 1. New ones go to the end. */
const knownLines: readonly HeaderLine[] = ['content-type', 'Content-Type'].flatMap((name) =>
  [
    'application/json',
    'application/json; charset=utf-8',
    'application/problem+json',
    'text/plain',
    'text/plain; charset=utf-8',
    'text/html; charset=utf-8',
    'application/octet-stream',
  ].map((value) => [name, value] as const),
);

/** Writes an outcome with its checksum. */
export function writeOutcome(writer: ByteWriter, id: RecordId, outcome: Outcome): void {
  const begins = writer.begin(4);
  writer.number(kinds.indexOf(outcome.kind) + 1, 1);
  if (outcome.kind === 'answer') {
    const from = writer.number(outcome.status, 2).begin(3);
    writeLines(writer, outcome.headers);
    writer.end(from, 3, 'the headers').raw(outcome.body);
  } else {
    const { head, body } = splitOutcome(outcome);
    writer.textPiece(head === plainHead ? '' : head, 3, 'the head of the outcome');
    if (body !== null) writer.raw(body);
  }
  writer.put(begins, writer.crc32(begins, seedOf(id)), 4);
}

/** Reads an outcome up to the end of its record. Throws `record_unreadable`. */
export function readOutcome(id: RecordId, from: ByteReader): Outcome {
  const stored = from.number(4);
  const bytes = from.rest();
  if (crc32(bytes, seedOf(id)) !== stored) throw unreadable('its outcome does not match its checksum');
  const reader = new ByteReader(bytes);
  const kind = kinds[reader.number(1) - 1] ?? 'unknown';
  if (kind === 'answer') {
    const status = reader.number(2);
    const lines = readLines(new ByteReader(reader.piece(3)));
    return answerOf(status, lines, plain(reader.rest()));
  }
  const head = reader.piece(3).toString('utf8');
  return joinOutcome({
    kind,
    head: head === '' ? plainHead : head,
    body: kind === 'value' ? plain(reader.rest()) : null,
  });
}

/** The checksum begins with the id: an outcome that ended up under another key is noticed too. */
function seedOf(id: RecordId): number {
  return Number.parseInt(id.slice(0, 8), 16);
}

function writeLines(writer: ByteWriter, lines: readonly HeaderLine[]): void {
  for (const [name, value] of lines) {
    const place = knownLines.findIndex(([one, other]) => one === name && other === value) + 1;
    writer.number(place, 1);
    if (place === 0) writer.text(name).text(value);
  }
}

function readLines(reader: ByteReader): HeaderLine[] {
  const lines: HeaderLine[] = [];
  while (!reader.ended) {
    const known = knownLines[reader.number(1) - 1];
    lines.push(known ?? [reader.text() ?? '', reader.text() ?? '']);
  }
  return lines;
}
