/**
 * What the end-to-end tests stand on: servers on a free port that end with the test, and
 * the contract's client, which speaks over a raw socket.
 */
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export { gate } from '../../src/testing/http/case.ts';
export { exchange, requestBytes, send, Wire, type Reply, type Sent } from '../../src/testing/http/wire.ts';

/** Starts a server for this test; answers its port. */
export async function serve(listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}
