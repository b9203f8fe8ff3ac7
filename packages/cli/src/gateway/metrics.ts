/**
 * Counts for Prometheus, made of passages and of the library's events and of nothing else,
 * and a small server for them. No label carries anything a client chose freely.
 */
import { createServer, type Server } from 'node:http';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { OnceEvent } from 'oncekey';
import type { Passage } from './exchange.ts';

/** What is counted. */
export interface Metrics {
  readonly event: (event: OnceEvent) => void;
  readonly passage: (passage: Passage) => void;
  /** Serves `GET /metrics`; not listening yet. */
  readonly server: Server;
}

/** Starts counting; `inFlight` tells how many requests are under way. */
export function openMetrics(inFlight: () => number): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: 'oncekey_requests_total',
    help: 'Requests, by how they were dealt with (answer, pass, run, refused) and by status.',
    labelNames: ['how', 'status'],
    registers,
  });
  const events = new Counter({
    name: 'oncekey_events_total',
    help: 'What happened to keyed requests.',
    labelNames: ['event'],
    registers,
  });
  const storeFailures = new Counter({
    name: 'oncekey_store_failures_total',
    help: 'Store calls that failed or timed out.',
    labelNames: ['phase'],
    registers,
  });
  const upstreamFailures = new Counter({
    name: 'oncekey_upstream_failures_total',
    help: 'Requests that upstream failed at.',
    labelNames: ['failure'],
    registers,
  });
  const runs = new Histogram({
    name: 'oncekey_run_seconds',
    help: 'How long owned requests ran.',
    buckets: [0.005, 0.025, 0.1, 0.5, 1, 5, 30, 120, 600],
    registers,
  });
  // Registered by its construction.
  const gauge = new Gauge({ name: 'oncekey_requests_in_flight', help: 'Requests under way.', registers });
  return {
    event: (event) => {
      events.inc({ event: event.kind });
      if (event.kind === 'store-failed') storeFailures.inc({ phase: event.phase });
      if (event.kind === 'completed' || event.kind === 'released') runs.observe(event.runMs / 1000);
    },
    passage: ({ how, status, failure }) => {
      requests.inc({ how, status: status === 0 ? 'none' : String(status) });
      if (failure !== null) upstreamFailures.inc({ failure: failure.kind });
    },
    server: createServer((request, response) => {
      if (request.url?.split('?')[0] !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      gauge.set(inFlight());
      registry.metrics().then(
        (text) => response.writeHead(200, { 'Content-Type': registry.contentType }).end(text),
        () => response.writeHead(500).end(),
      );
    }),
  };
}
