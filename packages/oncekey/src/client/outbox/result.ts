/** What is kept of an answer that says yes: the result, and the server's id of what was made. */
import { isReplayed } from '../verdict.ts';
import type { Entry, OutboxResult } from './entry.ts';
import type { Answer } from './judge.ts';
import type { OutboxSettings } from './settings.ts';
import type { ServerId } from './template.ts';

const keptHeaders = ['content-type', 'location', 'etag'];

/** The result of an entry that took effect. */
export function resultOf(settings: OutboxSettings, entry: Entry, answer: Answer): OutboxResult {
  const headers = keptHeaders.flatMap((name) => {
    const value = answer.header(name);
    return value === null ? [] : [[name, value] as const];
  });
  const fits = answer.body !== null && answer.body.length <= settings.maxResultBytes;
  return {
    status: answer.status,
    headers: Object.fromEntries(headers),
    body: fits ? answer.body : null,
    serverId: serverIdOf(settings, entry, answer),
    replayed: isReplayed(answer.header),
    atMs: settings.clock.nowMs(),
  };
}

function serverIdOf({ serverId }: OutboxSettings, entry: Entry, answer: Answer): ServerId | null {
  const { idFrom } = entry;
  if (idFrom !== null) return 'body' in idFrom ? inBody(answer, idFrom.body) : inLocation(answer);
  const given = serverId?.(answer, entry);
  return given === undefined ? (inBody(answer, 'id') ?? inLocation(answer)) : given;
}

function inBody({ body }: Answer, path: string): ServerId | null {
  try {
    let value: unknown = JSON.parse(body ?? '');
    for (const name of path.split('.')) {
      const has = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
      value = has ? (value as Record<string, unknown>)[name] : undefined;
    }
    return typeof value === 'string' || typeof value === 'number' ? value : null;
  } catch {
    // A body that is no JSON has no id in it.
    return null;
  }
}

function inLocation(answer: Answer): ServerId | null {
  const last = answer.header('location')?.split(/[?#]/, 1)[0]?.replace(/\/$/, '').split('/').at(-1);
  if (last === undefined || last === '') return null;
  try {
    return decodeURIComponent(last);
  } catch {
    // Not encoded as a path is: it is the id as it stands.
    return last;
  }
}
