/**
 * The two pieces every store keeps an outcome in: a small JSON head and exact body bytes.
 * What comes back from a database is checked before it is trusted: a head with CR, LF or
 * NUL in it is refused (I4; RELIABILITY check 14).
 */
import { IdempotencyError } from '../../core/errors.ts';
import type { AnswerOutcome, HeaderLine, NotKeptReason, Outcome, Reference } from '../../core/outcome.ts';

/** An outcome as stores keep it: `head` is JSON text, `body` is null for failures and what was not kept. */
export interface OutcomeParts {
  readonly kind: Outcome['kind'];
  readonly head: string;
  readonly body: Uint8Array | null;
}

/** The head of most values. */
export const plainHead: string = JSON.stringify({ label: null, refs: [], details: null });

/** Splits an outcome for storing. */
export function splitOutcome(outcome: Outcome): OutcomeParts {
  switch (outcome.kind) {
    case 'answer':
      return {
        kind: 'answer',
        head: JSON.stringify({ status: outcome.status, headers: outcome.headers }),
        body: outcome.body,
      };
    case 'value': {
      const { label, refs, details } = outcome;
      const isPlain = label === null && details === null && refs.length === 0;
      return {
        kind: 'value',
        head: isPlain ? plainHead : JSON.stringify({ label, refs, details }),
        body: outcome.body,
      };
    }
    case 'failure':
      return { kind: 'failure', head: JSON.stringify({ name: outcome.name, message: outcome.message }), body: null };
    case 'not-kept': {
      const { reason, status, headers } = outcome;
      return { kind: 'not-kept', head: JSON.stringify({ reason, status, headers }), body: null };
    }
  }
}

/** An answer put together again. Throws `record_unreadable` for anything this library would not have stored. */
export function answerOf(status: unknown, headers: unknown, body: Uint8Array): AnswerOutcome {
  return { kind: 'answer', status: statusOf(status), headers: linesOf(headers), body };
}

/** Puts an outcome together again. Throws `record_unreadable` for anything this library would not have stored. */
export function joinOutcome(parts: { kind: string; head: string; body: Uint8Array | null }): Outcome {
  const head = parseHead(parts.head);
  switch (parts.kind) {
    case 'answer':
      return answerOf(head['status'], head['headers'], bodyOf(parts.body));
    case 'value':
      return {
        kind: 'value',
        body: bodyOf(parts.body),
        label: typeof head['label'] === 'string' ? head['label'] : null,
        refs: refsOf(head['refs']),
        details: head['details'] ?? null,
      };
    case 'failure':
      return { kind: 'failure', name: String(head['name']), message: String(head['message']) };
    case 'not-kept':
      return {
        kind: 'not-kept',
        reason: reasonOf(head['reason']),
        status: head['status'] === null ? null : statusOf(head['status']),
        headers: linesOf(head['headers']),
      };
    default:
      throw unreadable(`unknown outcome kind ${JSON.stringify(parts.kind)}`);
  }
}

function parseHead(text: string): Readonly<Record<string, unknown>> {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch (cause) {
    throw unreadable('its outcome head is not JSON', cause);
  }
  if (typeof head !== 'object' || head === null || Array.isArray(head))
    throw unreadable('its outcome head is not an object');
  return head as Record<string, unknown>;
}

function bodyOf(body: Uint8Array | null): Uint8Array {
  if (body === null) throw unreadable('its outcome has no body');
  return body;
}

function statusOf(status: unknown): number {
  if (typeof status === 'number' && Number.isInteger(status) && status >= 200 && status <= 999) return status;
  throw unreadable(`status ${JSON.stringify(status)} is not one`);
}

// A line break smuggled into a stored header would split the answer; a store is not trusted with that.
const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const headerValueBreak = /[\0\r\n]/;

function linesOf(lines: unknown): HeaderLine[] {
  if (!Array.isArray(lines)) throw unreadable('its headers are not a list');
  return lines.map((line: unknown): HeaderLine => {
    const [name, value] = Array.isArray(line) ? (line as unknown[]) : [];
    if (
      typeof name !== 'string' ||
      typeof value !== 'string' ||
      !headerName.test(name) ||
      headerValueBreak.test(value)
    ) {
      throw unreadable('a stored header is malformed');
    }
    return [name, value];
  });
}

function refsOf(refs: unknown): Reference[] {
  if (!Array.isArray(refs)) throw unreadable('its references are not a list');
  return refs.map((ref: unknown): Reference => {
    const { kind, id } = (ref ?? {}) as Record<string, unknown>;
    if (typeof kind !== 'string' || typeof id !== 'string') throw unreadable('a reference is malformed');
    return { kind, id };
  });
}

function reasonOf(reason: unknown): NotKeptReason {
  if (
    reason === 'oversize' ||
    reason === 'stream' ||
    reason === 'cut' ||
    reason === 'unserializable' ||
    reason === 'erased'
  )
    return reason;
  throw unreadable(`unknown reason ${JSON.stringify(reason)}`);
}

function unreadable(reason: string, cause?: unknown): IdempotencyError<'record_unreadable'> {
  const message = `the stored record cannot be used: ${reason}; inspect or erase it`;
  return new IdempotencyError('record_unreadable', message, { reason }, { cause });
}
