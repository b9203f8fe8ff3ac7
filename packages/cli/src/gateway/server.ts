/**
 * Listening, limits and ending. The parser is Node's own in its strict form: contradictory
 * framing, oversized heads and requests that never end are refused before upstream hears
 * of them, and no header is dropped silently. Ending: nothing new is accepted, what was
 * sent upstream is finished, the rest is released.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Refusal, reasonOf } from '../refusal.ts';
import { Exchange, type Hall, type Passage } from './exchange.ts';
import type { Address } from './values.ts';

/** Bounds that no flag changes. Milliseconds and bytes. */
export interface Limits {
  /** All header lines of a request together; more is 431. */
  readonly headBytes: number;
  readonly headMs: number;
  /** A whole request, streamed bodies included. */
  readonly requestMs: number;
  /** The body of a keyed request. */
  readonly bodyMs: number;
  /** How often the times are looked at. */
  readonly checkMs: number;
  readonly idleMs: number;
  readonly stalledClientMs: number;
}

/** The limits of a gateway in service. */
export const serviceLimits: Limits = {
  headBytes: 32_768,
  headMs: 15_000,
  requestMs: 300_000,
  bodyMs: 60_000,
  checkMs: 5000,
  idleMs: 75_000,
  stalledClientMs: 60_000,
};

/** What exchanges share, less what the front itself provides. */
export type FrontHall = Omit<Hall, 'draining' | 'bodyMs' | 'stalledClientMs' | 'passed'> & {
  readonly passed: (passage: Passage) => void;
};

/** The listening side. */
export interface Front {
  readonly server: Server;
  /** Requests under way. */
  inFlight(): number;
  /** Accepts nothing new and resolves when the last request is over. */
  drain(): Promise<void>;
}

/** Builds it; not listening yet. */
export function openFront(shared: FrontHall, limits: Limits): Front {
  const running = new Set<Exchange>();
  let draining = false;
  let empty: (() => void) | null = null;
  const hall: Hall = {
    ...shared,
    draining: () => draining,
    bodyMs: limits.bodyMs,
    stalledClientMs: limits.stalledClientMs,
    passed: (passage, exchange) => {
      running.delete(exchange);
      if (draining && running.size === 0) empty?.();
      shared.passed(passage);
    },
  };
  const server = createServer({
    maxHeaderSize: limits.headBytes,
    headersTimeout: limits.headMs,
    requestTimeout: limits.requestMs,
    connectionsCheckingInterval: limits.checkMs,
    keepAliveTimeout: limits.idleMs,
    insecureHTTPParser: false,
  });
  // Zero is no limit: with one, Node drops the lines beyond it. The size of the head bounds them.
  server.maxHeadersCount = 0;
  const begin = (request: IncomingMessage, response: ServerResponse, waits: boolean): void => {
    // Ends the connection after this answer; what else came along it is asked anew elsewhere.
    if (draining) response.shouldKeepAlive = false;
    const exchange = new Exchange(hall, request, response);
    running.add(exchange);
    exchange.start(waits);
  };
  server.on('request', (request, response) => begin(request, response, false));
  server.on('checkContinue', (request, response) => begin(request, response, true));
  server.on('connect', (_request, socket) =>
    socket.end('HTTP/1.1 405 Method Not Allowed\r\nAllow: GET\r\nConnection: close\r\n\r\n'),
  );
  return {
    server,
    inFlight: () => running.size,
    async drain() {
      draining = true;
      server.close();
      for (const exchange of running) exchange.drain();
      if (running.size > 0) await new Promise<void>((resolve) => (empty = resolve));
    },
  };
}

/** Listens and gives the address as a URL. Throws a `Refusal` naming `flag` when the address cannot be had. */
export async function listen(server: Server, { host, port }: Address, flag: string): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) =>
      reject(new Refusal(`${flag}: cannot listen on ${host}:${port}: ${reasonOf(error)}`)),
    );
    server.listen(port, host, resolve);
  });
  const { address, family, port: actual } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
}
