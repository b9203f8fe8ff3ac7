/**
 * The demo's client: a till that sends orders with a key and reads what it is told. It
 * counts every request it sends and never retries by itself: the acts do.
 */
import { request } from 'node:http';

/** What the till wants charged. */
export interface Order {
  readonly order: string;
  /** In cents. */
  readonly amount: number;
  readonly currency: 'EUR';
}

/** What came back; null where the answer was lost. */
export interface Reply {
  readonly status: number;
  readonly replayed: boolean;
  readonly body: string;
  /** The charge's id, where the body is a charge. */
  readonly chargeId: string | null;
  /** The problem's code, where the gateway refused. */
  readonly code: string | null;
}

/** Sends orders and counts. */
export interface Till {
  readonly requestsSent: number;
  /** Sends `order` under `key` to the gateway or link at `url`. Null: the connection broke before an answer. */
  send(url: string, key: string, order: Order): Promise<Reply | null>;
}

/** Who the till says it is: the scope of its keys. */
export const tillAuthorization = 'Bearer till-7';

/** A till that has sent nothing yet. */
export function createTill(): Till {
  let requestsSent = 0;
  return {
    get requestsSent() {
      return requestsSent;
    },
    send(url, key, order) {
      requestsSent += 1;
      return post(`${url}/charges`, key, JSON.stringify(order));
    },
  };
}

function post(url: string, key: string, body: string): Promise<Reply | null> {
  return new Promise((resolve) => {
    const headers = {
      Authorization: tillAuthorization,
      'Idempotency-Key': `"${key}"`,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    };
    const sent = request(url, { method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(null));
      response.on('end', () => {
        const replayed = response.headers['idempotent-replayed'] === 'true';
        resolve(replyOf(response.statusCode ?? 0, replayed, Buffer.concat(chunks).toString()));
      });
    });
    sent.on('error', () => resolve(null));
    sent.end(body);
  });
}

function replyOf(status: number, replayed: boolean, body: string): Reply {
  let value: { id?: unknown; code?: unknown } = {};
  try {
    value = JSON.parse(body) as typeof value;
  } catch {
    // Not JSON: neither a charge nor a problem, and the expectations will say so.
  }
  const text = (field: unknown): string | null => (typeof field === 'string' ? field : null);
  return { status, replayed, body, chargeId: text(value.id), code: text(value.code) };
}
