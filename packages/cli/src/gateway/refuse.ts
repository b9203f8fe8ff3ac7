/**
 * The answers that the gateway itself makes, beside those of the protocol: what cannot be
 * forwarded, and what upstream failed at. In the same three formats, so that a client
 * needs to know only one. Says nothing about what is recorded.
 */
import type { HeaderLine } from 'oncekey';
import type { Answer, ProtocolOptions } from 'oncekey/http';
import { problemMediaType, problemTypePrefix } from 'oncekey/protocol';

/** What may be wrong. */
export type RefusalKind =
  | 'bad-request'
  | 'slow-body'
  | 'scope-unavailable'
  | 'shutting-down'
  | 'unreachable'
  | 'lost'
  | 'timeout'
  | 'fault';

/** Makes such an answer; `origin` is the request's Origin header, for CORS. */
export type Refuse = (kind: RefusalKind, origin: string | null) => Answer;

interface Words {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly message: string;
  /** The same request with the same key may succeed later. */
  readonly retryable: boolean;
}

const words = {
  'bad-request': {
    status: 400,
    code: 'bad_request',
    title: 'The request cannot be forwarded',
    message: 'The request target or its header fields cannot be forwarded; nothing was sent upstream.',
    retryable: false,
  },
  'slow-body': {
    status: 408,
    code: 'request_timeout',
    title: 'The request did not arrive in time',
    message: 'The request body did not arrive in time; nothing was sent upstream.',
    retryable: true,
  },
  'scope-unavailable': {
    status: 503,
    code: 'scope_unavailable',
    title: 'The credential cannot be checked now',
    message: 'The keys that verify the credential cannot be had now; nothing was sent upstream.',
    retryable: true,
  },
  'shutting-down': {
    status: 503,
    code: 'shutting_down',
    title: 'The gateway is shutting down',
    message: 'The gateway is shutting down; nothing was sent upstream. Repeat the request with the same key.',
    retryable: true,
  },
  unreachable: {
    status: 502,
    code: 'upstream_unreachable',
    title: 'The upstream service cannot be reached',
    message: 'The upstream service cannot be reached; nothing was sent to it. Repeat the request with the same key.',
    retryable: true,
  },
  lost: {
    status: 502,
    code: 'upstream_connection_lost',
    title: 'The upstream service did not answer',
    message: 'The connection was lost after the request had been sent; whether it took effect is not known.',
    retryable: false,
  },
  timeout: {
    status: 504,
    code: 'upstream_timeout',
    title: 'The upstream service did not answer in time',
    message: 'The upstream service did not answer in time; whether the request took effect is not known.',
    retryable: false,
  },
  fault: {
    status: 500,
    code: 'gateway_fault',
    title: 'The gateway failed',
    message: 'The gateway failed; nothing was sent upstream.',
    retryable: true,
  },
} satisfies Record<RefusalKind, Words>;

/** A maker of such answers in the format and with the CORS origins of `options`. */
export function refusals(options: Pick<ProtocolOptions, 'errorFormat' | 'corsOrigins'>): Refuse {
  const format = formats[options.errorFormat ?? 'problem'];
  const origins = options.corsOrigins ?? [];
  return (kind, origin) => {
    const said: Words = words[kind];
    const { type, body } = format(said);
    const headers: HeaderLine[] = [
      ['Content-Type', type],
      ['Cache-Control', 'no-store'],
    ];
    if (said.status === 503) headers.push(['Retry-After', '1']);
    headers.push(...corsLines(origins, origin));
    return { status: said.status, headers, body: Buffer.from(JSON.stringify(body)) };
  };
}

const formats = {
  problem: ({ status, code, title, message, retryable }: Words) => ({
    type: problemMediaType,
    body: { type: problemTypePrefix + code, title, status, detail: message, code, retryable },
  }),
  envelope: ({ code, message }: Words) => ({
    type: 'application/json; charset=utf-8',
    body: { success: false, data: null, error: { code, message } },
  }),
  stripe: ({ status, code, message }: Words) => ({
    type: 'application/json; charset=utf-8',
    body: { error: { type: status < 500 ? 'invalid_request_error' : 'api_error', code, message } },
  }),
};

function corsLines(origins: readonly string[], origin: string | null): HeaderLine[] {
  if (origins.length === 0) return [];
  const allowed = origins.includes('*') ? '*' : origin !== null && origins.includes(origin) ? origin : null;
  const vary: HeaderLine[] = origins.includes('*') ? [] : [['Vary', 'Origin']];
  if (allowed === null) return vary;
  return [...vary, ['Access-Control-Allow-Origin', allowed], ['Access-Control-Expose-Headers', 'Retry-After']];
}
