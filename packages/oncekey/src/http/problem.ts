/**
 * The refusals (rule 6): one exhaustive table of status, code and text, and the three
 * formats they are written in. Every refusal says whether to retry with the same key,
 * use a new one, or stop; none may be cached.
 */
import type { HeaderLine } from '../core/outcome.ts';
import { adviceByCode, problemMediaType, problemTypePrefix, type ProblemCode } from '../protocol.ts';
import type { Problem, ProblemKind } from './options.ts';
import type { Answer } from './seam.ts';
import type { Settings } from './settings.ts';

interface Row {
  readonly status: number;
  readonly code: ProblemCode;
  readonly title: string;
  readonly detail: string;
}

const table = {
  'key-missing': {
    status: 400,
    code: 'idempotency_key_missing',
    title: 'Idempotency key missing',
    detail: 'This request needs a key in the header {header}; send it again with one.',
  },
  'key-invalid': {
    status: 400,
    code: 'idempotency_key_invalid',
    title: 'Idempotency key invalid',
    detail: 'The header {header} cannot be used: {reason}. Nothing has run; send the request with a well-formed key.',
  },
  'scope-missing': {
    status: 400,
    code: 'idempotency_scope_missing',
    title: 'Idempotency scope missing',
    detail: 'It is not known whom the key belongs to. Nothing has run; send the request with its credentials.',
  },
  'key-reused': {
    status: 422,
    code: 'idempotency_key_reused',
    title: 'Idempotency key reused',
    detail: 'This key came before with another request. Nothing has run; use a new key for a new request.',
  },
  'in-progress': {
    status: 409,
    code: 'idempotency_in_progress',
    title: 'Request in progress',
    detail: 'The first request with this key is still running; send it again later with the same key.',
  },
  'outcome-unknown': {
    status: 409,
    code: 'idempotency_outcome_unknown',
    title: 'Outcome unknown',
    detail: 'The first request with this key was cut off and may have taken effect; an operator has to resolve it.',
  },
  'outcome-not-kept': {
    status: 409,
    code: 'idempotency_outcome_not_kept',
    title: 'Outcome not kept',
    detail:
      'The request with this key took effect, but its answer was not kept; look up its result instead of repeating.',
  },
  'request-too-large': {
    status: 413,
    code: 'request_too_large',
    title: 'Request too large',
    detail: 'A request with a key may have at most {limit} bytes here. Nothing has run.',
  },
  'store-unavailable': {
    status: 503,
    code: 'idempotency_store_unavailable',
    title: 'Idempotency store unavailable',
    detail: 'It cannot be told now whether this request ran before. Nothing has run; send it again with the same key.',
  },
  'work-failed': {
    status: 500,
    code: 'idempotency_work_failed',
    title: 'Request failed',
    detail: 'The request failed on the way and may have taken effect; a repeat with this key gets this same answer.',
  },
} satisfies Record<ProblemKind, Row>;

/** What a refusal tells beyond its kind. */
export interface ProblemFacts {
  /** Why a key is invalid. */
  readonly reason?: string;
  readonly retryAfterMs?: number;
}

/** The refusal as data, with the profile's statuses and codes. */
export function problemOf(settings: Settings, kind: ProblemKind, facts: ProblemFacts = {}): Problem {
  const row: Row = table[kind];
  const renamed = settings.problems[kind];
  const advice = adviceByCode[row.code];
  const message = row.detail
    .replace('{header}', settings.keyHeader)
    .replace('{limit}', String(settings.maxRequestBytes))
    .replace('{reason}', facts.reason ?? '');
  return {
    kind,
    status: renamed?.status ?? row.status,
    code: renamed?.code ?? row.code,
    message,
    retryable: advice === 'retry-same-key',
    advice,
    retryAfterS: facts.retryAfterMs === undefined ? null : Math.max(1, Math.ceil(facts.retryAfterMs / 1000)),
  };
}

const encoder = new TextEncoder();

/** The refusal as an answer, in the chosen format or the user's own. */
export function problemAnswer(settings: Settings, kind: ProblemKind, facts: ProblemFacts = {}): Answer {
  const problem = problemOf(settings, kind, facts);
  if (settings.renderProblem !== undefined) return settings.renderProblem(problem);
  const body = encoder.encode(JSON.stringify(formats[settings.errorFormat](problem)));
  const headers: HeaderLine[] = [
    ['Content-Type', settings.errorFormat === 'problem' ? problemMediaType : 'application/json; charset=utf-8'],
    ['Cache-Control', 'no-store'],
    ['Content-Length', String(body.length)],
  ];
  if (problem.retryAfterS !== null) headers.push(['Retry-After', String(problem.retryAfterS)]);
  return { status: problem.status, headers, body };
}

const formats: Record<Settings['errorFormat'], (problem: Problem) => unknown> = {
  problem: ({ kind, status, code, message, retryable, advice }) => ({
    type: problemTypePrefix + code,
    title: table[kind].title,
    status,
    detail: message,
    code,
    retryable,
    advice,
  }),
  envelope: ({ code, message }) => ({ success: false, data: null, error: { code, message } }),
  stripe: ({ kind, code, message }) => ({
    error: {
      type: kind === 'work-failed' || kind === 'store-unavailable' ? 'api_error' : 'idempotency_error',
      code,
      message,
    },
  }),
};
