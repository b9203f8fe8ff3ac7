/**
 * The answers that the protocol gives in the handler's place: replays (rule 8, I4) and
 * refusals (rule 6), each with what the asking client may read and wants to know.
 */
import type { DuplicateDecision } from '../core/engine.ts';
import type { HeaderLine, Outcome } from '../core/outcome.ts';
import { keyHeaderName, retentionHeaderName } from '../protocol.ts';
import { chain, type MaybePromise } from '../core/maybe.ts';
import { corsLines } from './cors.ts';
import type { ProblemKind } from './options.ts';
import type { problemAnswer, ProblemFacts } from './problem.ts';
import type { Answer, AskHead } from './seam.ts';
import type { Settings } from './settings.ts';

const noBytes = new Uint8Array(0);
const storeRetryMs = 1000;

let written: typeof problemAnswer | undefined;

/** Loads what refusals say: behind the start, so that importing an entry is light, and by the first refusal where that failed. */
export async function loadProblems(): Promise<typeof problemAnswer> {
  ({ problemAnswer: written } = await import('./problem.ts'));
  return written;
}

/** A refusal, whoever asked. */
export function problem(settings: Settings, kind: ProblemKind, facts?: ProblemFacts): MaybePromise<Answer> {
  return chain(written ?? loadProblems(), (write) => write(settings, kind, facts));
}

/** A refusal for this client. */
export function refuse(
  settings: Settings,
  ask: AskHead,
  kind: ProblemKind,
  facts?: ProblemFacts,
): MaybePromise<Answer> {
  return chain(problem(settings, kind, facts), (answer) => {
    const cors = corsLines(settings, ask);
    return cors.length === 0 ? answer : { ...answer, headers: [...answer.headers, ...cors] };
  });
}

/** What a duplicate is told. */
export function answerDuplicate(
  settings: Settings,
  ask: AskHead,
  key: string,
  decision: DuplicateDecision,
): MaybePromise<Answer> {
  switch (decision.kind) {
    case 'replay':
      return replay(settings, ask, key, decision.outcome);
    case 'not-kept':
      return decision.outcome.status === null
        ? refuse(settings, ask, 'outcome-not-kept')
        : replay(settings, ask, key, decision.outcome);
    case 'in-progress':
      return refuse(settings, ask, 'in-progress', { retryAfterMs: decision.retryAfterMs });
    case 'conflict':
      return refuse(settings, ask, 'key-reused');
    case 'unknown':
      return refuse(settings, ask, 'outcome-unknown');
    case 'store-down':
      return refuse(settings, ask, 'store-unavailable', { retryAfterMs: storeRetryMs });
  }
}

/** Lines that tell the client its key and how long it is good for; none unless asked for. */
export function echoLines(settings: Settings, key: string): readonly HeaderLine[] {
  if (!settings.echoKey) return [];
  const { retentionMs } = settings.policy;
  const echo: HeaderLine = [keyHeaderName, `"${key.replace(/["\\]/g, '\\$&')}"`];
  return retentionMs === null ? [echo] : [echo, [retentionHeaderName, String(Math.floor(retentionMs / 1000))]];
}

function replay(settings: Settings, ask: AskHead, key: string, outcome: Outcome): MaybePromise<Answer> {
  // A record that a function or another library wrote under this key is no HTTP answer.
  if (outcome.kind === 'value' || outcome.kind === 'failure' || outcome.status === null)
    return refuse(settings, ask, 'outcome-not-kept');
  const { status } = outcome;
  const body = outcome.kind === 'answer' && hasBody(status) ? outcome.body : noBytes;
  const headers: HeaderLine[] = [...outcome.headers, [settings.replayHeader, 'true']];
  if (hasBody(status)) headers.push(['Content-Length', String(body.length)]);
  if (settings.echoKey) headers.push(...echoLines(settings, key));
  if (settings.corsOrigins.length > 0) headers.push(...corsLines(settings, ask));
  return { status, headers, body };
}

function hasBody(status: number): boolean {
  return status !== 204 && status !== 304;
}
