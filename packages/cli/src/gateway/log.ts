/**
 * The log on stderr: one JSON object a line. Requests at level `debug`, what an operator
 * should know at `warn` and above. Never a key's value, a scope or a body; a record is named
 * by the first twelve digits of its id.
 */
import { pino, type Logger } from 'pino';
import type { OnceEvent } from 'oncekey';
import { Refusal } from '../refusal.ts';
import type { Passage } from './exchange.ts';

/** Opens it; `level` is ONCEKEY_LOG_LEVEL, default `info`. Throws a `Refusal` for an unknown one. */
export function openLog(level = 'info'): Logger {
  if (level !== 'silent' && !(level in pino.levels.values)) {
    const known = Object.keys(pino.levels.values).join(', ');
    throw new Refusal(`ONCEKEY_LOG_LEVEL: ${JSON.stringify(level)} will not do; give one of ${known}, silent`);
  }
  return pino({ level, base: null }, pino.destination({ dest: 2, sync: true }));
}

/** Writes what the library tells. In observe mode what would have been refused is told at `info`. */
export function logEvents(log: Logger, observing: boolean): (event: OnceEvent) => void {
  const quiet = observing ? 'info' : 'debug';
  const storeFailed = limited(log);
  return (event) => {
    const said = words[event.kind];
    if (said === null) return;
    const level = said[0] === 'quiet' ? quiet : said[0];
    const text = said[1];
    if (!log.isLevelEnabled(level)) return;
    const facts = { event: event.kind, ...factsOf(event) };
    if (event.kind === 'store-failed' || event.kind === 'unprotected') storeFailed(event.kind, level, facts, text);
    else log[level](facts, text);
  };
}

/** Writes one request, at level `debug`; upstream's failures at `warn`. */
export function logPassage(log: Logger, passage: Passage): void {
  const { method, target, how, status, failure } = passage;
  if (failure !== null) {
    const facts = { event: 'upstream-failed', method, path: pathOf(target), how, status, failure: failure.kind };
    log.warn({ ...facts, err: failure.error }, 'the upstream service failed');
  } else if (log.isLevelEnabled('debug')) {
    log.debug({ event: 'request', method, path: pathOf(target), how, status }, 'request');
  }
}

type Level = 'debug' | 'info' | 'warn' | 'error';

/** `quiet`: what happens every day; told at `debug`, or at `info` while observing. */
const words: Record<OnceEvent['kind'], readonly [level: Level | 'quiet', text: string] | null> = {
  'taken-over': ['warn', 'taken over: the previous owner went silent mid-work; it runs again as the next attempt'],
  'store-failed': ['warn', 'the store failed'],
  unprotected: ['warn', 'ran without protection: the store is down and --store-down pass allows it'],
  'lease-lost': ['warn', 'the lease was lost: somebody else owns the record'],
  unrecorded: ['warn', 'the work is done and could not be recorded in time; it is tried again'],
  'record-lost': ['error', 'the lease ended before the outcome could be recorded: a repeat may run again'],
  conflict: ['quiet', 'the key came before with another request'],
  'in-progress': ['quiet', 'the first request with the key still runs'],
  unknown: ['quiet', 'the outcome is unknown and held for an operator'],
  'not-kept': ['quiet', 'the outcome was not kept'],
  replayed: ['quiet', 'replayed'],
  granted: null,
  completed: null,
  released: null,
  resolved: null,
  erased: null,
};

function factsOf(event: OnceEvent): object {
  const { method, path } = event.labels;
  const about = { record: event.id.slice(0, 12), method, path };
  if (event.kind === 'store-failed') return { ...about, phase: event.phase, err: event.error };
  return 'attempt' in event ? { ...about, attempt: event.attempt } : about;
}

const limitMs = 1000;

// A store that is down fails every request: one line a second says as much as thousands.
function limited(log: Logger): (kind: string, level: Level, facts: object, text: string) => void {
  const last = new Map<string, { atMs: number; unsaid: number }>();
  return (kind, level, facts, text) => {
    const before = last.get(kind);
    if (before !== undefined && performance.now() - before.atMs < limitMs) {
      before.unsaid += 1;
      return;
    }
    const unsaid = before?.unsaid ?? 0;
    last.set(kind, { atMs: performance.now(), unsaid: 0 });
    log[level](unsaid > 0 ? { ...facts, unsaid } : facts, text);
  };
}

function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end === -1 ? target : target.slice(0, end);
}
