/**
 * The HTTP contract's app as the gateway in front of a service: the service runs the work,
 * the gateway runs in this process over a real store, so that a case can put faults around it.
 */
import { createReadStream } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import type { HttpReply, HttpWork, OpenApp } from 'oncekey/testing';
import { pino } from 'pino';
import { startGateway } from '../../src/gateway/run.ts';
import { serviceLimits } from '../../src/gateway/server.ts';
import { openStore } from '../../src/gateway/store.ts';

/** Opens apps over the store that `storeUrl` names, behind the hot one that `hotUrl` names where it is given. */
export function openBehindGateway(storeUrl: () => string | Promise<string>, hotUrl?: () => string): OpenApp {
  return async ({ work, options, scope, store }) => {
    const service = await startService(work);
    const names = scope === 'public' ? ['x-nobody-has-this'] : scope;
    const gateway = await startGateway(
      {
        upstream: new URL(service.url),
        listen: { host: '127.0.0.1', port: 0 },
        store: await storeUrl(),
        profile: 'safe',
        scope: { kind: 'headers', names, byDefault: false },
        protocol: scope === 'public' ? { ...options, noScope: 'public' } : options,
        upstreamTimeoutMs: 60_000,
        hot: hotUrl?.() ?? null,
        routes: [],
        metrics: null,
      },
      pino({ level: 'silent' }),
      serviceLimits,
      async (url) => store(await openStore(url)),
    );
    return {
      port: Number(new URL(gateway.url).port),
      async close() {
        // What still runs ends with the service: the gateway waits for nothing that will not come.
        await service.close();
        await gateway.end();
      },
    };
  };
}

async function startService(work: HttpWork): Promise<{ readonly url: string; close(): Promise<void> }> {
  const server = createServer((request, response) => {
    answer(work, request, response).catch(() => {
      response.statusCode = 500;
      response.end('failed');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(work: HttpWork, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '' } = request;
  await play(await work({ method, body: Buffer.concat(chunks), work: undefined }), response);
}

async function play({ status = 200, headers = [], body }: HttpReply, response: ServerResponse): Promise<void> {
  response.statusCode = status;
  for (const [name, value] of headers) response.appendHeader(name, value);
  if (body === undefined) response.end();
  else if (body instanceof Uint8Array) response.end(body);
  else if ('file' in body) createReadStream(body.file).pipe(response);
  else {
    response.flushHeaders();
    await pipeline(body, response).catch(() => undefined);
  }
}
