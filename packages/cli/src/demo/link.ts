/**
 * A stretch of network that can be told to misbehave: a TCP link that passes bytes until
 * it is told to lose a reply or to hold what it carries. It knows no HTTP; trouble strikes
 * once, on the next bytes in its direction, and the link is sound again after it.
 */
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

/**
 * `lose-reply`: what comes back is swallowed and the connection breaks shortly after.
 * `hold-request`, `hold-reply`: the bytes are swallowed and the connection stays open.
 */
export type Trouble = 'lose-reply' | 'hold-request' | 'hold-reply';

/** The running link. */
export interface Link {
  readonly port: number;
  /** Such as `http://127.0.0.1:4100`. */
  readonly url: string;
  /** Arms one trouble; resolves when it has struck. */
  strike(trouble: Trouble): Promise<void>;
  close(): Promise<void>;
}

interface Armed {
  readonly trouble: Trouble;
  readonly struck: () => void;
}

/** Time for the far side to finish a reply whose first bytes were swallowed, before the connection breaks. */
const cutAfterMs = 100;

/** Starts a link on a free loopback port to `targetPort` of this machine. */
export async function startLink(targetPort: number): Promise<Link> {
  const sockets = new Set<Socket>();
  const armed: Armed[] = [];
  const take = (...troubles: Trouble[]): Armed | undefined => {
    const index = armed.findIndex(({ trouble }) => troubles.includes(trouble));
    return index < 0 ? undefined : armed.splice(index, 1)[0];
  };
  const server = createServer((near) => {
    const far = connect(targetPort, '127.0.0.1');
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('close', () => sockets.delete(socket));
    }
    join(near, far, take);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    url: `http://127.0.0.1:${port}`,
    strike: (trouble) => new Promise((struck) => armed.push({ trouble, struck })),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}

function join(near: Socket, far: Socket, take: (...troubles: Trouble[]) => Armed | undefined): void {
  let requestHeld = false;
  let replyHeld = false;
  near.on('data', (bytes) => {
    const strike = requestHeld ? undefined : take('hold-request');
    requestHeld ||= strike !== undefined;
    if (!requestHeld) far.write(bytes);
    strike?.struck();
  });
  far.on('data', (bytes) => {
    const strike = replyHeld ? undefined : take('lose-reply', 'hold-reply');
    replyHeld ||= strike !== undefined;
    if (!replyHeld) near.write(bytes);
    if (strike?.trouble === 'lose-reply') setTimeout(() => breakBoth(near, far, strike.struck), cutAfterMs);
    else strike?.struck();
  });
  near.on('end', () => far.end());
  far.on('end', () => near.end());
  near.on('close', () => far.destroy());
  far.on('close', () => near.destroy());
  // A broken connection is this link's trade; 'close' follows and takes the other side along.
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
}

function breakBoth(near: Socket, far: Socket, broken: () => void): void {
  near.resetAndDestroy();
  far.destroy();
  broken();
}
