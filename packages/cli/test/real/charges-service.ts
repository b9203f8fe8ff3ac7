/**
 * A charges service as the official Stripe client expects one: form-encoded POST
 * /v1/charges, errors in Stripe's envelope, no idempotency of its own. Tests can hold its
 * work and count what it charged; that it charges before it answers is the point.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The running service. */
export interface ChargesService {
  readonly port: number;
  readonly url: string;
  /** Descriptions of all charges made, in order; a test names its intents by them. */
  readonly charged: readonly string[];
  /** How many requests have reached it. */
  readonly requests: number;
  timesCharged(description: string): number;
  /** From now on work waits; the returned function lets everything go on. */
  hold(): () => void;
  /** Resolves when the next request has reached it. */
  arrival(): Promise<void>;
  close(): Promise<void>;
}

/** Starts it on a free loopback port; a charge takes `workMs`. */
export async function startChargesService(workMs = 0): Promise<ChargesService> {
  const charged: string[] = [];
  let requests = 0;
  let gate: Promise<void> = Promise.resolve();
  let arrivals: (() => void)[] = [];

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await textOf(request));
    requests += 1;
    for (const arrived of arrivals) arrived();
    arrivals = [];
    await gate;
    if (workMs > 0) await new Promise((resolve) => setTimeout(resolve, workMs));
    if (form.get('source') === 'tok_chargeDeclined') return answer(response, 402, declined);
    const id = `ch_${String(charged.push(form.get('description') ?? '')).padStart(6, '0')}`;
    if (form.get('source') === 'tok_charged_but_failed') return answer(response, 500, failed);
    answer(response, 200, chargeOf(id, form));
  }

  const server = createServer((request, response) => {
    // A caller that was killed half way is part of these tests.
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    charged,
    get requests() {
      return requests;
    },
    timesCharged: (description) => charged.filter((one) => one === description).length,
    hold() {
      let open = (): void => {};
      gate = new Promise((resolve) => (open = resolve));
      return () => {
        gate = Promise.resolve();
        open();
      };
    },
    arrival: () => new Promise((resolve) => arrivals.push(resolve)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const declined = { error: { type: 'card_error', code: 'card_declined', message: 'Your card was declined.' } };
const failed = { error: { type: 'api_error', message: 'Something went wrong after the charge.' } };

function chargeOf(id: string, form: URLSearchParams): object {
  const { amount, currency, description } = Object.fromEntries(form);
  return { id, object: 'charge', amount: Number(amount), currency, description, status: 'succeeded' };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

function answer(response: ServerResponse, status: number, value: object): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, { 'Content-Type': 'application/json', 'Content-Length': body.length }).end(body);
}
