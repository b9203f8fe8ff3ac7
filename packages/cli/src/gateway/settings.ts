/**
 * What the gateway is told to do, typed and complete: flag over environment over config
 * file over profile over default. Wrong values and combinations end here in a `Refusal`
 * that names the setting; nothing is opened, read or connected yet.
 */
import { profiles, type ProtocolOptions } from 'oncekey/http';
import { Refusal } from '../refusal.ts';
import { parseMatch, type Match } from './match.ts';
import type { Gathered, Given, GivenRoute, GivenSettings } from './sources.ts';
import * as values from './values.ts';

/** Who a key belongs to. */
export type ScopeSettings =
  | { readonly kind: 'headers'; readonly names: readonly string[]; readonly byDefault: boolean }
  | { readonly kind: 'jwt'; readonly claims: readonly string[]; readonly jwks: string };

/** Requests that are treated otherwise. */
export interface RouteSettings {
  readonly match: Match;
  /** Complete: what the route does not say is as for all. */
  readonly protocol: ProtocolOptions;
  /** Where it was given. */
  readonly source: string;
}

/** Everything `startGateway` needs to know. */
export interface GatewaySettings {
  readonly upstream: URL;
  readonly listen: values.Address;
  /** As given; opened by store.ts. */
  readonly store: string;
  /** The Redis in front of it; null: none. */
  readonly hot: string | null;
  readonly profile: string;
  readonly scope: ScopeSettings;
  readonly protocol: ProtocolOptions;
  /** What is different for some requests; the first that matches holds. */
  readonly routes: readonly RouteSettings[];
  readonly upstreamTimeoutMs: number;
  /** Null: no metrics are served. */
  readonly metrics: values.Address | null;
}

const profileNames = ['safe', 'stripe', 'offline-pos', 'two-tier', 'bank'] as const;
const notYet = { inspector: "the operators' page", 'inspector-token': "the operators' page" };

/** Reads settings by name and remembers nothing. */
type Read = <T>(name: string, parse: (source: string, text: string) => T) => T | undefined;

/** Makes settings of what was given. Throws a `Refusal` with one line for the user. */
export function settle({ settings: given, routes }: Gathered): GatewaySettings {
  for (const [name, what] of Object.entries(notYet)) {
    const source = given.get(name)?.source;
    if (source !== undefined) throw new Refusal(`${source}: ${what} is not part of this version`);
  }
  const read = readerOf(given);
  const upstream = read('upstream', values.serverUrl);
  if (upstream === undefined) throw new Refusal('--upstream URL is required: where shall requests go?');
  const profile = read('profile', (source, text) => values.oneOf(source, text, profileNames)) ?? 'safe';
  const protocol = { ...profiles[profile], ...protocolOf(read) };
  return {
    upstream,
    listen: read('listen', values.address) ?? { host: '127.0.0.1', port: 8080 },
    store: read('store', (_source, text) => text) ?? 'sqlite:oncekey.db',
    hot: read('hot', (_source, text) => text) ?? null,
    profile,
    scope: scopeOf(given),
    protocol,
    routes: routes.map((route) => routeOf(route, protocol)),
    upstreamTimeoutMs: read('upstream-timeout-ms', number(1, maxTimerMs)) ?? 60_000,
    metrics: read('metrics', values.address) ?? null,
  };
}

function readerOf(given: GivenSettings): Read {
  return (name, parse) => {
    const one = given.get(name);
    return one === undefined ? undefined : parse(one.source, one.texts[0]);
  };
}

function routeOf({ source, settings }: GivenRoute, others: ProtocolOptions): RouteSettings {
  const perRequest = namesOf(protocolOf);
  for (const [name, { source: where }] of settings) {
    if (name === 'match' || name === 'operation' || (perRequest.has(name) && name !== 'mode')) continue;
    throw new Refusal(`${where}: it is for the whole gateway and cannot differ by route`);
  }
  const read = readerOf(settings);
  const match = read('match', parseMatch);
  if (match === undefined) throw new Refusal(`${source}: match is missing, such as "POST /orders/*"`);
  const operation = read('operation', values.name);
  const methods = match.methods === null ? {} : { methods: match.methods };
  const protocol = { ...others, ...methods, ...(operation !== undefined && { operation }), ...protocolOf(read) };
  return { match, protocol, source };
}

/** The names of the settings that `made` reads. */
function namesOf(made: (read: Read) => unknown): ReadonlySet<string> {
  const names = new Set<string>();
  made((name) => {
    names.add(name);
    return undefined;
  });
  return names;
}

// Timers hold 31 bits; the library's own checks are stricter where they need to be.
const maxTimerMs = 0x7fffffff;

function number(least: number, most?: number): (source: string, text: string) => number {
  return (source, text) => values.wholeNumber(source, text, least, most);
}

function word<T extends string>(...words: readonly T[]): (source: string, text: string) => T {
  return (source, text) => values.oneOf(source, text, words);
}

function protocolOf(read: Read): ProtocolOptions {
  return withoutAbsent({
    methods: read('methods', values.methods),
    missingKey: read('missing-key', word('pass', 'reject')),
    invalidKey: read('invalid-key', word('reject', 'pass')),
    keyFormat: read('key-format', word('lenient', 'strict', 'any')),
    maxKeyLength: read('max-key-length', number(1, 255)),
    noScope: read('no-scope', word('reject', 'public')),
    inProgress: read('in-progress', word('reject', 'wait')),
    waitMs: read('wait-ms', number(0, maxTimerMs)),
    abandoned: read('abandoned', word('rerun', 'hold')),
    serverErrors: read('server-errors', word('safe', 'release', 'store')),
    leaseMs: read('lease-ms', number(1, maxTimerMs)),
    retentionMs: read('retention-ms', (source, text) => number(0)(source, text) || null),
    maxRequestBytes: read('max-request-bytes', number(0)),
    maxResponseBytes: read('max-response-bytes', number(0)),
    oversize: read('oversize', word('tombstone', 'status-only')),
    storeDown: read('store-down', word('reject', 'pass')),
    unrecorded: read('unrecorded', word('answer', 'break')),
    storeTimeoutMs: read('store-timeout-ms', number(1, maxTimerMs)),
    replayHeader: read('replay-header', values.headerName),
    errorFormat: read('error-format', word('problem', 'envelope', 'stripe')),
    corsOrigins: read('cors-origin', values.origins),
    echoKey: read('echo-key', values.yesOrNo),
    mode: read('mode', word('enforce', 'observe')),
  });
}

type Present<T> = { [Name in keyof T]?: Exclude<T[Name], undefined> };

function withoutAbsent<T extends object>(options: T): Present<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Present<T>;
}

function scopeOf(given: GivenSettings): ScopeSettings {
  const [headers, jwt, jwks] = ['scope-header', 'scope-jwt', 'jwks'].map((name) => given.get(name));
  if (jwt !== undefined && headers !== undefined) throw clash(jwt, headers, 'cannot be combined: choose one');
  if (jwt !== undefined && jwks === undefined) throw new Refusal(`${jwt.source} needs --jwks URL|FILE`);
  if (jwks !== undefined && jwt === undefined) throw new Refusal(`${jwks.source} needs --scope-jwt CLAIMS`);
  if (jwt !== undefined && jwks !== undefined) {
    return { kind: 'jwt', claims: values.list(jwt.source, jwt.texts[0]), jwks: jwks.texts[0] };
  }
  if (headers === undefined) return { kind: 'headers', names: ['authorization'], byDefault: true };
  const names = headers.texts.map((name) => values.headerName(headers.source, name).toLowerCase());
  return { kind: 'headers', names, byDefault: names.join() === 'authorization' };
}

function clash(one: Given, other: Given, why: string): Refusal {
  return new Refusal(`${one.source} and ${other.source} ${why}`);
}
