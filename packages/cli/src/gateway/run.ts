/**
 * One gateway from start to end: opens what the settings name, says where it listens, sweeps,
 * and ends in order on SIGTERM or SIGINT. Whatever is wrong at start is a `Refusal` before
 * the first connection is accepted.
 */
import type { OnceEvent, Store } from 'oncekey';
import type { Logger } from 'pino';
import { withHot } from './hot.ts';
import { logEvents, logPassage, openLog } from './log.ts';
import { openMetrics } from './metrics.ts';
import { openRoutes } from './routes.ts';
import { scopeFinder } from './scope.ts';
import { listen, openFront, serviceLimits, type Limits } from './server.ts';
import type { GatewaySettings } from './settings.ts';
import { openStore } from './store.ts';
import { startSweeping } from './sweep.ts';
import { openTunnels } from './tunnel.ts';
import { openUpstream } from './upstream.ts';

const graceMs = 30_000;

/** A started gateway. */
export interface Gateway {
  readonly url: string;
  /** Null when none are served. */
  readonly metricsUrl: string | null;
  /** Ends it in order; resolves when the last request is over and everything is closed. */
  end(): Promise<void>;
}

/** Runs one until a signal ends it; the process ends with it. Throws a `Refusal` when it cannot start. */
export async function runGateway(settings: GatewaySettings, environment: NodeJS.ProcessEnv): Promise<void> {
  const log = openLog(environment['ONCEKEY_LOG_LEVEL']);
  const gateway = await startGateway(settings, log, serviceLimits);
  process.stdout.write(`${JSON.stringify({ event: 'listening', url: gateway.url })}\n`);
  const end = (signal: NodeJS.Signals): void => {
    log.info({ event: 'ending', signal }, 'finishing what was sent upstream');
    setTimeout(() => {
      log.warn({ event: 'ended' }, 'time is up: the rest is left to its lease');
      process.exit(0);
    }, graceMs).unref();
    gateway.end().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ event: 'ended', err: error }, 'ending failed');
        process.exit(1);
      },
    );
  };
  // A second signal finds no handler and ends the process at once.
  process.once('SIGTERM', end).once('SIGINT', end);
}

/** Starts one in this process, over the store that `open` makes of the setting. Throws a `Refusal`. */
export async function startGateway(
  settings: GatewaySettings,
  log: Logger,
  limits: Limits,
  open: (url: string) => Promise<Store> = openStore,
): Promise<Gateway> {
  const observing = settings.protocol.mode === 'observe';
  const findScope = scopeFinder(settings.scope, () => warnOfJwt(log));
  const store = await openTiers(settings, log, open);
  let inFlight = (): number => 0;
  const metrics = settings.metrics === null ? null : openMetrics(() => inFlight());
  const toLog = logEvents(log, observing);
  const onEvent = (event: OnceEvent): void => {
    metrics?.event(event);
    toLog(event);
  };
  const routes = openRoutes(settings, store, onEvent);
  const upstream = openUpstream(settings.upstream, settings.upstreamTimeoutMs);
  const front = openFront(
    {
      routeFor: routes.routeFor,
      upstream,
      findScope,
      passed: (passage) => {
        metrics?.passage(passage);
        logPassage(log, passage);
      },
      fault: (error) => log.error({ event: 'fault', err: error }, 'a request failed inside the gateway'),
    },
    limits,
  );
  inFlight = () => front.inFlight();
  const closeTunnels = openTunnels(front.server, settings.upstream, settings.upstreamTimeoutMs);
  const metricsUrl =
    metrics === null || settings.metrics === null ? null : await listen(metrics.server, settings.metrics, '--metrics');
  const url = await listen(front.server, settings.listen, '--listen');
  const stopSweeping = startSweeping(store, log);
  log.info(
    {
      event: 'started',
      url,
      metricsUrl,
      upstream: settings.upstream.origin,
      store: store.name,
      profile: settings.profile,
    },
    'started',
  );
  return {
    url,
    metricsUrl,
    async end() {
      await front.drain();
      closeTunnels();
      stopSweeping();
      metrics?.server.close();
      await routes.close();
      await store.close?.();
      await upstream.close();
    },
  };
}

async function openTiers(
  { store, hot }: GatewaySettings,
  log: Logger,
  open: (url: string) => Promise<Store>,
): Promise<Store> {
  const durable = await open(store);
  if (hot === null) return durable;
  try {
    return await withHot(hot, durable, log);
  } catch (error) {
    await durable.close?.();
    throw error;
  }
}

function warnOfJwt(log: Logger): void {
  log.warn(
    { event: 'jwt-scope' },
    'keys are scoped by the whole authorization header and it carries a JWT: a refreshed token is a new scope; name a stable header set by a trusted proxy (--scope-header) or use --scope-jwt',
  );
}
