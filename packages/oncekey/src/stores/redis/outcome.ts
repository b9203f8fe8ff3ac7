/**
 * An outcome inside a record, with its checksum: what does not match throws
 * `record_unreadable` instead of replaying other bytes than were stored (I4). The head of
 * an answer, which most outcomes are, is packed; the others are JSON.
 *
 *     1 kind · 4 checksum · [answer: 2 status] · 3+n head · body
 */
import type { HeaderLine, Outcome } from '../../core/outcome.ts';
import type { RecordId } from '../../core/store.ts';
import { joinChecked, splitChecked } from '../stored-form/checked-outcome.ts';
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
  const { kind, head, crc32, body } = splitChecked(id, outcome);
  writer.number(kinds.indexOf(kind) + 1, 1).number(crc32, 4);
  if (outcome.kind === 'answer') {
    const from = writer.number(outcome.status, 2).begin(3);
    writeLines(writer, outcome.headers);
    writer.end(from, 3, 'the headers');
  } else {
    writer.textPiece(head, 3, 'the head of the outcome');
  }
  if (body !== null) writer.raw(body);
}

/** Reads an outcome up to the end of its record. Throws `record_unreadable`. */
export function readOutcome(id: RecordId, reader: ByteReader): Outcome {
  const kind = kinds[reader.number(1) - 1] ?? 'unknown';
  const crc32 = reader.number(4);
  const head = kind === 'answer' ? answerHead(reader) : reader.piece(3).toString('utf8');
  const hasBody = kind === 'answer' || kind === 'value';
  return joinChecked(id, { kind, head, body: hasBody ? plain(reader.rest()) : null }, crc32);
}

function answerHead(reader: ByteReader): string {
  const status = reader.number(2);
  return JSON.stringify({ status, headers: readLines(new ByteReader(reader.piece(3))) });
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
