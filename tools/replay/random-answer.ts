/** One random answer: status, header lines, body in pieces, and how a handler writes it; the same for the same numbers. */
import type { ServerResponse } from 'node:http';
import type { Random } from '../faults/seed.ts';

/** What a handler is to answer. */
export interface RandomAnswer {
  readonly status: number;
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly pieces: readonly Buffer[];
  /** Whether Content-Length is given. */
  readonly declared: boolean;
  /** How the head is given, and whether pieces come in turns of the event loop. */
  readonly head: 'set' | 'object' | 'list' | 'flushed';
  readonly slowly: boolean;
}

const statuses = [200, 200, 200, 201, 202, 204, 205, 301, 303, 400, 404, 410, 422, 500, 502];
const names = [
  'Content-Type',
  'ETag',
  'Location',
  'Link',
  'X-A',
  'x-a',
  'Cache-Control',
  'Content-Language',
  'X-Empty',
];
/** ASCII only: beyond it Node chooses between two encodings by how the body happens to be written. */
const visible = 'abcdefghijklmnopqrstuvwxyz0123456789-_"/;=,. ';

/** Draws one. */
export function randomAnswer(random: Random): RandomAnswer {
  const pick = <T>(from: readonly T[]): T => from[random(from.length)] as T;
  const status = pick(statuses);
  const lines = Array.from({ length: random(7) }, () => [pick(names), textOf(random, random(30))] as const);
  const count = status === 204 || status === 205 ? 0 : random(5);
  const pieces = Array.from({ length: count }, () => bytesOf(random));
  const head = pick(['set', 'object', 'list', 'flushed'] as const);
  return {
    status,
    lines: head === 'object' ? onceEach(lines) : lines,
    pieces,
    declared: random(3) === 0,
    head,
    slowly: random(8) === 0,
  };
}

function textOf(random: Random, length: number): string {
  return Array.from({ length }, () => visible[random(visible.length)])
    .join('')
    .trim();
}

/** Mostly small; now and then what takes several reads. */
function bytesOf(random: Random): Buffer {
  const bytes = Buffer.allocUnsafe(random(20) === 0 ? random(80_000) : random(300));
  const [start, factor] = [random(256), random(255) * 2 + 1];
  for (let at = 0; at < bytes.length; at++) bytes[at] = (start + at * factor + (at >> 8)) & 255;
  return bytes;
}

/** An object has no name twice, in whatever case. */
function onceEach(lines: RandomAnswer['lines']): RandomAnswer['lines'] {
  return [...new Map(lines.map((line) => [line[0].toLowerCase(), line])).values()];
}

/** Writes it, as a handler of node:http would. */
export async function writeAnswer(answer: RandomAnswer, response: ServerResponse): Promise<void> {
  const { pieces, head, slowly } = answer;
  giveHead(answer, response);
  for (const [index, piece] of pieces.entries()) {
    if (slowly) await new Promise((resolve) => setImmediate(resolve));
    if (index + 1 < pieces.length || head === 'flushed') response.write(piece);
    else return void response.end(piece);
  }
  response.end();
}

function giveHead({ status, lines, pieces, declared, head }: RandomAnswer, response: ServerResponse): void {
  const length = pieces.reduce((sum, { length: one }) => sum + one, 0);
  const all = declared && status !== 204 ? [...lines, ['Content-Length', String(length)] as const] : lines;
  if (head === 'object') response.writeHead(status, Object.fromEntries(all));
  else if (head === 'list') response.writeHead(status, all.flat());
  else {
    response.statusCode = status;
    for (const [name, value] of all) response.appendHeader(name, value);
    if (head === 'flushed') response.flushHeaders();
  }
}
