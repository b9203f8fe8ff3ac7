/** One keyed request on a connection of its own, as a storm and a crash need it. */
import { request } from 'node:http';

/** What came back; null when the connection broke first. */
export type Reply = { readonly status: number; readonly replayed: boolean; readonly body: string } | null;

/** Charges `description` under `key` at the gateway on `port`. */
export function postCharge(port: number, key: string, description: string): Promise<Reply> {
  const body = `amount=4200&currency=eur&description=${encodeURIComponent(description)}`;
  const headers = {
    Authorization: 'Bearer real',
    'Content-Type': 'application/x-www-form-urlencoded',
    'Content-Length': Buffer.byteLength(body),
    'Idempotency-Key': key,
  };
  return new Promise((resolve) => {
    const options = { host: '127.0.0.1', port, path: '/v1/charges', method: 'POST', headers, agent: false };
    const sent = request(options, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', () => resolve(null));
      response.on('end', () => {
        const replayed = response.headers['idempotent-replayed'] === 'true';
        resolve({ status: response.statusCode ?? 0, replayed, body: Buffer.concat(chunks).toString() });
      });
    });
    sent.on('error', () => resolve(null));
    sent.end(body);
  });
}
