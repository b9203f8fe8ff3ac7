/**
 * How each request is to be treated: by the first route of the config file that it matches,
 * else as the gateway's own settings say. All share one store, so that a key means the same
 * everywhere. Decides nothing about a request but which settings hold.
 */
import type { OnceEvent, Store } from 'oncekey';
import { createProtocol, type Protocol, type ProtocolOptions } from 'oncekey/http';
import { keyHeaderName } from 'oncekey/protocol';
import { Refusal, reasonOf } from '../refusal.ts';
import type { RequestHead } from './headers.ts';
import { matches } from './match.ts';
import { refusals, type Refuse } from './refuse.ts';
import type { GatewaySettings } from './settings.ts';

const keyHeader = keyHeaderName.toLowerCase();

/** The settings that hold for a request, at work. */
export interface Route {
  readonly protocol: Protocol;
  readonly refuse: Refuse;
  /** Whether a request with this method and its body is what the protocol is for. */
  readonly protects: (head: RequestHead, method: string) => boolean;
  /** Beyond it a keyed request gets 413. */
  readonly maxRequestBytes: number;
}

/** All of them. */
export interface Routes {
  /** The one for this request. */
  readonly routeFor: (method: string, target: string) => Route;
  close(): Promise<void>;
}

/** Puts the settings to work. Throws a `Refusal` for what the protocol refuses. */
export function openRoutes(
  { protocol, routes }: Pick<GatewaySettings, 'protocol' | 'routes'>,
  store: Store,
  onEvent: (event: OnceEvent) => void,
): Routes {
  const open = (options: ProtocolOptions, source: string): Route => openRoute({ ...options, store, onEvent }, source);
  const others = open(protocol, '');
  const special = routes.map(({ match, protocol: options, source }) => ({
    match,
    route: open(options, `${source}: `),
  }));
  return {
    routeFor: (method, target) => special.find(({ match }) => matches(match, method, target))?.route ?? others,
    async close() {
      await Promise.all([others, ...special.map(({ route }) => route)].map((route) => route.protocol.close()));
    },
  };
}

function openRoute(options: ProtocolOptions & { readonly store: Store }, source: string): Route {
  const methods = new Set(options.methods ?? ['POST', 'PATCH']);
  return {
    protocol: openProtocol(options, source),
    refuse: refusals(options),
    protects: (head, method) => methods.has(method) && head.names.includes(keyHeader),
    maxRequestBytes: options.maxRequestBytes ?? 2_097_152,
  };
}

// What the library refuses at construction is a wrong setting here.
function openProtocol(options: ProtocolOptions & { readonly store: Store }, source: string): Protocol {
  try {
    return createProtocol(options);
  } catch (error) {
    if (error instanceof TypeError) throw new Refusal(source + reasonOf(error));
    throw error;
  }
}
