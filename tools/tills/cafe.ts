/**
 * What a till talks to: a ledger that knows nothing of keys, the real gateway in front of it on the
 * embedded store, and before that a front that loses every third reply on its way back.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** An effect, in the order in which they were made. */
export interface Effect {
  readonly id: number;
  readonly path: string;
  readonly body: string;
}

/** A running café. */
export interface Cafe {
  readonly url: string;
  readonly effects: readonly Effect[];
  /** Replies that were lost. */
  lost(): number;
  stop(): Promise<void>;
}

const program = fileURLToPath(
  new URL('../../packages/cli/bin/oncekey.js', import.meta.url.replace('/tools/dist/', '/tools/')),
);
const json = { 'content-type': 'application/json' };

/** Starts it; the gateway keeps its records in `folder`. */
export async function startCafe(folder: string): Promise<Cafe> {
  const effects: Effect[] = [];
  const ledger = await listening(async (request, response) => {
    const effect = { id: effects.length + 1, path: request.url ?? '', body: await bodyOf(request) };
    effects.push(effect);
    response.writeHead(201, json).end(JSON.stringify({ id: effect.id }));
  });
  const flags = ['--listen', '127.0.0.1:0', '--upstream', urlOf(ledger), '--store', `sqlite:${folder}/keys.db`];
  const gateway = spawn(process.execPath, [program, 'gateway', ...flags, '--scope-header', 'x-tenant', '--echo-key'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = (await once(createInterface(gateway.stdout), 'line')) as [string];
  const { url: gatewayUrl } = JSON.parse(line) as { url: string };
  let replies = 0;
  let lost = 0;
  const front = await listening(async (request, response) => {
    const answer = await passOn(gatewayUrl, request);
    const body = await answer.text();
    replies += 1;
    if (replies % 3 !== 0) return void response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(body);
    lost += 1;
    return void response.destroy();
  });
  return {
    url: urlOf(front),
    effects,
    lost: () => lost,
    async stop() {
      const ended = once(gateway, 'exit');
      gateway.kill('SIGKILL');
      for (const server of [front, ledger]) {
        server.closeAllConnections();
        server.close();
      }
      await ended;
    },
  };
}

async function listening(
  serve: (request: IncomingMessage, response: ServerResponse) => Promise<unknown>,
): Promise<Server> {
  const listener: RequestListener = (request, response) => {
    // A till that was killed has broken its connection off; nobody waits for the answer.
    serve(request, response).catch(() => response.destroy());
  };
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function passOn(gatewayUrl: string, request: IncomingMessage): Promise<Response> {
  const body = await bodyOf(request);
  const headers = new Headers();
  for (const name of ['content-type', 'x-tenant', 'idempotency-key']) {
    const value = request.headers[name];
    if (typeof value === 'string') headers.set(name, value);
  }
  return fetch(gatewayUrl + request.url, { method: 'POST', headers, body });
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += String(chunk);
  return text;
}
