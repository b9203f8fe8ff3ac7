/**
 * A TCP proxy that stands between a client and a server and goes wrong on command: it loses,
 * delays or cuts what passes, before or after the server has got it (RELIABILITY check 8).
 * It knows no protocol; which bytes a fault waits for is the test's to say.
 */
import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import { FaultyLink } from './faulty-link.ts';

/** What goes wrong. A fault waits for bytes from the client that `when` accepts (default: any). */
export interface Fault {
  /**
   * `drop`: from then on the connection is a black hole, both ways, and stays open. `delay`: those bytes, and all after
   * them, go on `delayMs` later. `cut-before`: the connection is reset and the server never sees those bytes.
   * `cut-after`: the server gets them, is hung up on when a reply arrives, and does all it was sent; the client sees
   * nothing of its replies and is reset when the server has closed. `cut-at`: the connection is reset after `bytes` of the reply to them.
   */
  readonly kind: 'drop' | 'delay' | 'cut-before' | 'cut-after' | 'cut-at';
  readonly when?: (bytes: Buffer) => boolean;
  /** How often it happens in all, over all connections; default once. */
  readonly times?: number;
  /** Of `delay`; default 100. */
  readonly delayMs?: number;
  /** Of `cut-at`; default 1. */
  readonly bytes?: number;
}

/** What passed and what went wrong so far. */
export interface ProxyCounters {
  connections: number;
  bytesToServer: number;
  bytesToClient: number;
  /** Faults that happened, by kind. */
  faults: Record<Fault['kind'], number>;
}

/** A running proxy. */
export interface FaultProxy {
  readonly port: number;
  readonly counters: Readonly<ProxyCounters>;
  /** `url` with this proxy's address in place of the target's. */
  through(url: string): string;
  /** Plans a fault, for connections that stand and that come; faults happen in the order planned. */
  plan(fault: Fault): void;
  /** Forgets what is planned and has not happened. */
  clear(): void;
  /** Resets all connections; with `down`, new ones are refused until `up()`. */
  cutAll(): void;
  down(): Promise<void>;
  up(): Promise<void>;
  /** Ends it; connections are reset. */
  stop(): Promise<void>;
}

/** Starts a proxy on a free port of 127.0.0.1 in front of `target`. */
export async function startFaultProxy(target: { readonly port: number; readonly host?: string }): Promise<FaultProxy> {
  const faults = { drop: 0, delay: 0, 'cut-before': 0, 'cut-after': 0, 'cut-at': 0 };
  const counters: ProxyCounters = { connections: 0, bytesToServer: 0, bytesToClient: 0, faults };
  const planned: { fault: Fault; left: number }[] = [];
  const links = new Set<FaultyLink>();

  /** The planned fault that `bytes` meet; it has happened then. */
  function meet(bytes: Buffer): Fault | undefined {
    const index = planned.findIndex(({ fault: { when } }) => when?.(bytes) ?? true);
    const met = planned[index];
    if (met === undefined) return undefined;
    met.left -= 1;
    if (met.left === 0) planned.splice(index, 1);
    counters.faults[met.fault.kind] += 1;
    return met.fault;
  }

  function join(client: Socket): void {
    counters.connections += 1;
    const server = connect({ port: target.port, host: target.host ?? '127.0.0.1', noDelay: true });
    const link = new FaultyLink(client, server, meet, counters, () => links.delete(link));
    links.add(link);
  }

  const listener = createServer({ noDelay: true }, join);
  const listen = async (port: number): Promise<number> => {
    listener.listen(port, '127.0.0.1');
    await once(listener, 'listening');
    return (listener.address() as AddressInfo).port;
  };
  const cutAll = (): void => {
    for (const link of links) link.cut();
  };
  const down = async (): Promise<void> => {
    if (!listener.listening) return;
    const closed = once(listener, 'close');
    listener.close();
    cutAll();
    await closed;
  };
  const port = await listen(0);
  return {
    port,
    counters,
    through: (url) => url.replace(`:${target.port}`, `:${port}`).replace(target.host ?? '127.0.0.1', '127.0.0.1'),
    plan: (fault) => void planned.push({ fault, left: fault.times ?? 1 }),
    clear: () => void planned.splice(0),
    cutAll,
    down,
    async up() {
      if (!listener.listening) await listen(port);
    },
    stop: down,
  };
}
