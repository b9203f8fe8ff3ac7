/**
 * The demo's stand-in for anybody's service: a payments API in memory that knows nothing
 * of idempotency keys. Every POST that reaches it charges, however often it comes; its
 * ledger is what the demo's promises are checked against.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** One charge, as the API answers it. */
export interface Charge {
  readonly id: string;
  readonly order: string;
  /** In the currency's smallest unit. */
  readonly amount: number;
  readonly currency: string;
}

/** The running API. */
export interface PaymentsApi {
  /** Such as `http://127.0.0.1:4100`. */
  readonly url: string;
  readonly port: number;
  /** Every charge made, in order. */
  readonly charges: readonly Charge[];
  /** How often an order has been charged. */
  chargesOf(order: string): number;
  close(): Promise<void>;
}

/** Starts the API on a free loopback port. `workMs`: how long a charge takes before it is made and answered. */
export async function startPaymentsApi(workMs: number): Promise<PaymentsApi> {
  const charges: Charge[] = [];
  const server = createServer((request, response) => {
    serve(request, response, charges, workMs).catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    charges,
    chargesOf: (order) => charges.filter((charge) => charge.order === order).length,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function serve(
  request: IncomingMessage,
  response: ServerResponse,
  charges: Charge[],
  workMs: number,
): Promise<void> {
  if (request.url !== '/charges') return answer(response, 404, { error: 'only /charges is here' });
  if (request.method === 'GET') return answer(response, 200, { charges });
  if (request.method !== 'POST') return answer(response, 405, { error: 'GET or POST' });
  const order = orderOf(await textOf(request));
  if (order === null) return answer(response, 400, { error: 'expected {"order":"…","amount":1200,"currency":"EUR"}' });
  await sleep(workMs);
  const charge: Charge = { id: `ch_${String(charges.length + 1).padStart(4, '0')}`, ...order };
  charges.push(charge);
  answer(response, 201, charge);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function orderOf(text: string): Omit<Charge, 'id'> | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { order, amount, currency } = value as Record<string, unknown>;
  if (typeof order !== 'string' || typeof amount !== 'number') return null;
  return { order, amount, currency: typeof currency === 'string' ? currency : 'EUR' };
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(`${JSON.stringify(value)}\n`);
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}
