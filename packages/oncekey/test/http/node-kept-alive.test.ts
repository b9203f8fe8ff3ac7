/** A connection kept alive holds on to nothing of the requests that were answered on it. */
import { Agent, createServer, request as ask, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { idempotency } from '../../src/http/node.ts';
import { memory } from '../../src/stores/memory.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

function post(port: number, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'Idempotency-Key': '"kept-alive"' };
    const asked = ask({ port, host: '127.0.0.1', method: 'POST', agent, headers }, (answer) => {
      answer.resume().on('end', resolve);
    });
    asked.on('error', reject).end('{}');
  });
}

test('the request of an answered call can be collected while its connection is open', async () => {
  let seen: WeakRef<IncomingMessage> | undefined;
  const handler: RequestListener = (request, response) => {
    seen = new WeakRef(request);
    request.resume().on('end', () => response.end('done'));
  };
  const server = createServer(idempotency({ store: memory(), scope: 'public' })(handler));
  const agent = new Agent({ keepAlive: true });
  try {
    await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
    await post((server.address() as AddressInfo).port, agent);
    await expect
      .poll(() => {
        collect();
        return seen?.deref();
      })
      .toBeUndefined();
    expect(seen).toBeDefined();
  } finally {
    agent.destroy();
    server.closeAllConnections();
    server.close();
  }
});
