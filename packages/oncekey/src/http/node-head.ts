/**
 * The head of a Node answer as lines: what `setHeader` collected and what `writeHead` was
 * given, merged as Node merges them. Repeated lines, their order and their case stay.
 */
import {
  validateHeaderName,
  validateHeaderValue,
  type OutgoingHttpHeader,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http';
import type { HeaderLine } from '../core/outcome.ts';

/** Headers in the forms that `writeHead` takes: an object, a flat list or a list of pairs. */
export type GivenHeaders =
  | OutgoingHttpHeaders
  | readonly OutgoingHttpHeader[]
  | readonly (readonly [string, OutgoingHttpHeader])[];

/** Node has had it since 15.4; its types forget it. */
interface RawNames {
  getRawHeaderNames(): string[];
}

/** The lines of the head; `given`, whose lines are `own`, wins over what was set before, an object in its place, a list at the end. */
export function headLines(
  response: ServerResponse,
  given: GivenHeaders | undefined,
  own: readonly HeaderLine[],
): readonly HeaderLine[] {
  const names = (response as ServerResponse & RawNames).getRawHeaderNames();
  if (names.length === 0) return own;
  const lines: HeaderLine[] = [];
  const placed = new Set<string>();
  for (const name of names) {
    const lower = name.toLowerCase();
    const instead = own.filter(([one]) => one.toLowerCase() === lower);
    if (instead.length === 0) addLines(lines, name, response.getHeader(name));
    else if (!Array.isArray(given)) {
      lines.push(...instead);
      placed.add(lower);
    }
  }
  for (const line of own) if (!placed.has(line[0].toLowerCase())) lines.push(line);
  return lines;
}

/** Its lines. Throws, as Node does, for a header that cannot be sent. */
export function checkedLines(given: GivenHeaders): HeaderLine[] {
  const lines = givenLines(given);
  for (const [name, value] of lines) {
    validateHeaderName(name);
    validateHeaderValue(name, value);
  }
  return lines;
}

/** The same headers without those of the lower-case `names`, as a flat list. */
export function withoutNames(given: GivenHeaders, names: readonly string[]): string[] {
  return givenLines(given)
    .filter(([name]) => !names.includes(name.toLowerCase()))
    .flat();
}

function givenLines(given: GivenHeaders): HeaderLine[] {
  const lines: HeaderLine[] = [];
  if (!Array.isArray(given)) {
    for (const name of Object.keys(given)) addLines(lines, name, (given as OutgoingHttpHeaders)[name]);
  } else if (Array.isArray(given[0])) {
    for (const [name, value] of given as [string, OutgoingHttpHeader][]) addLines(lines, name, value);
  } else {
    for (let at = 0; at < given.length; at += 2) {
      addLines(lines, String(given[at]), given[at + 1] as OutgoingHttpHeader);
    }
  }
  return lines;
}

function addLines(lines: HeaderLine[], name: string, value: OutgoingHttpHeader | undefined): void {
  if (value === undefined) return;
  if (!Array.isArray(value)) lines.push([name, String(value)]);
  else for (const one of value) lines.push([name, String(one)]);
}
