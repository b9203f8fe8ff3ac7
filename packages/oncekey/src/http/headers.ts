/**
 * Which header lines of an answer belong to the answer and are given again (rule 8), and
 * which belong to one connection, one client or one moment. Keeps I4; a line that could
 * split an answer is never kept (RELIABILITY check 14).
 */
import type { HeaderLine } from '../core/outcome.ts';
import { keyHeaderName, retentionHeaderName, unprotectedHeaderName } from '../protocol.ts';

const neverKept: ReadonlySet<string> = new Set([
  // One connection (RFC 9110 section 7.6.1).
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  // One moment, or computed again.
  'date',
  'age',
  'content-length',
  // One client.
  'set-cookie',
  'set-cookie2',
  'authorization',
  'www-authenticate',
  'authentication-info',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  // One trace.
  'traceparent',
  'tracestate',
  'baggage',
  'b3',
  'x-request-id',
  'x-correlation-id',
  'x-amzn-trace-id',
  'x-cloud-trace-context',
  'server-timing',
  // Ours.
  keyHeaderName.toLowerCase(),
  retentionHeaderName.toLowerCase(),
  unprotectedHeaderName.toLowerCase(),
]);
const neverKeptPrefix = /^(?:access-control-|(?:x-)?rate-?limit(?:-|$)|x-b3-)/;
const tokenName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is looked for
const splitsAnswer = /[\0\r\n]/;

/** The lines to keep, in their order and case. `replayName` is the marker in lower case, which only a replay may carry. */
export function keptLines(lines: readonly HeaderLine[], replayName: string): HeaderLine[] {
  const named = namedByConnection(lines);
  return lines.filter(([name, value]) => {
    const lower = name.toLowerCase();
    if (neverKept.has(lower) || lower === replayName || named?.has(lower)) return false;
    return !neverKeptPrefix.test(lower) && tokenName.test(name) && !splitsAnswer.test(value);
  });
}

function namedByConnection(lines: readonly HeaderLine[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined;
  for (const [name, value] of lines) {
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    named ??= new Set();
    for (const field of value.split(',')) named.add(field.trim().toLowerCase());
  }
  return named;
}
