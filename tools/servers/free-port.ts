/**
 * Ports for private servers: below the range from which this machine takes the local ports of
 * outgoing connections, so that no client of a test can take one between its choice and its use.
 * A number chosen by this process is not chosen again by it.
 */
import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

// Linux gives outgoing connections ports from 32768; services of people stand below 10000.
const [lowest, highest] = [10_000, 32_000];
const tries = 100;
const given = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens. */
export async function freePort(): Promise<number> {
  for (let left = tries; left > 0; left--) {
    const port = randomInt(lowest, highest);
    if (given.has(port) || !(await canListen(port))) continue;
    given.add(port);
    return port;
  }
  throw new Error(`no free port between ${lowest} and ${highest} in ${tries} tries`);
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
