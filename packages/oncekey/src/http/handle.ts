/**
 * The HTTP protocol, written once (SEMANTICS section 1): from a request to pass, answer
 * or run. Checks in the order method, key, scope, body, fingerprint, claim (I6, I7, I11).
 * With a synchronous store and a body that is already here no promise is made. It knows
 * no framework; an entry knows nothing of this.
 */
import { createEngine, type Engine } from '../core/engine.ts';
import { recordId } from '../core/key.ts';
import { chain, isPromise, type MaybePromise } from '../core/maybe.ts';
import type { Store } from '../core/store.ts';
import { ownedHere } from '../core/work.ts';
import { readKey, type KeyReading } from './key-header.ts';
import { KeyedRequest, noEdit, type Standing } from './keyed.ts';
import type { ProblemKind, ProtocolOptions } from './options.ts';
import type { ProblemFacts } from './problem.ts';
import { RecentFingerprints } from './recent-fingerprints.ts';
import { loadProblems, refuse } from './replies.ts';
import { scopeOf } from './scope.ts';
import type { Ask, AskHead, Begun, HeadEdit, Keyed, Protocol, ScopeAnswer } from './seam.ts';
import { settle, type Settings } from './settings.ts';

const pass: Begun = { kind: 'pass', edit: noEdit };

/** The protocol over one store. Throws a TypeError that names a wrong option. */
export function createProtocol(options: ProtocolOptions & { readonly store: Store }): Protocol {
  const settings = settle(options);
  const { storeTimeoutMs, onEvent, clock } = settings;
  const parts = { store: options.store, storeTimeoutMs, clock, ...(onEvent && { onEvent }) };
  const { atomic } = options;
  return new HttpProtocol(settings, atomic === undefined ? createEngine(parts) : atomic(parts));
}

class HttpProtocol implements Protocol, Standing {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly recent = new RecentFingerprints();
  readonly runEdit: HeadEdit;

  constructor(settings: Settings, engine: Engine) {
    this.settings = settings;
    this.engine = engine;
    this.runEdit = { remove: [settings.replayName], add: [] };
    // Tried again by the first refusal.
    loadProblems().catch(() => undefined);
  }

  begin(ask: Ask): MaybePromise<Begun>;
  begin<T>(ask: Ask, proceed: (begun: Begun) => MaybePromise<T>): MaybePromise<T>;
  begin(ask: Ask, proceed: (begun: Begun) => unknown = (begun) => begun): unknown {
    return chain(this.open(ask), (opened) => {
      if (opened.kind !== 'keyed') return proceed(opened);
      return chain(ask.body(opened.limitBytes), (body) => chain(opened.read(body), proceed));
    });
  }

  open(ask: AskHead): MaybePromise<Begun | Keyed> {
    const { settings } = this;
    if (!settings.protectedMethods.has(ask.method) || isUpgrade(ask)) return pass;
    const reading = readKey(ask.headerLines(settings.keyHeader), settings);
    return isPromise(reading) ? reading.then((read) => this.#open(ask, read)) : this.#open(ask, reading);
  }

  close(): Promise<void> {
    return this.engine.close();
  }

  #open(ask: AskHead, reading: KeyReading): MaybePromise<Begun | Keyed> {
    const { settings } = this;
    switch (reading.kind) {
      case 'absent':
        return settings.missingKey === 'pass' ? pass : this.refuse(ask, 'key-missing');
      case 'invalid':
        return settings.invalidKey === 'pass' ? pass : this.refuse(ask, 'key-invalid', { reason: reading.reason });
      case 'key': {
        const { key } = reading;
        const scope = ask.scope();
        return isPromise(scope) ? scope.then((told) => this.#scoped(ask, key, told)) : this.#scoped(ask, key, scope);
      }
    }
  }

  #scoped(ask: AskHead, key: string, answer: ScopeAnswer): MaybePromise<Begun | Keyed> {
    const { settings } = this;
    const scope = scopeOf(answer, settings.noScope);
    if (scope === null) return this.refuse(ask, 'scope-missing');
    const id = recordId(scope, settings.operationName, key);
    // Rule 16: a request that comes back to itself with its own key must not wait for itself.
    return ownedHere((running) => running.id === id) ? pass : new KeyedRequest(this, ask, id, scope, key);
  }

  /** A refusal before anything was claimed; observing passes instead. */
  refuse(ask: AskHead, kind: ProblemKind, facts?: ProblemFacts): MaybePromise<Begun> {
    const { settings } = this;
    if (settings.mode === 'observe') return pass;
    const close = kind === 'request-too-large' || hasLargeBody(ask, settings);
    return chain(refuse(settings, ask, kind, facts), (answer) => ({ kind: 'answer', answer, close }));
  }
}

/** `Upgrade: h2c` is no other protocol's request: curl sends it with ordinary ones, and servers ignore it. */
function isUpgrade(ask: AskHead): boolean {
  const upgrade = ask.headerLines('upgrade')[0];
  return upgrade !== undefined && upgrade.toLowerCase() !== 'h2c';
}

/** Whether leaving the body unread could cost more than a new connection. */
function hasLargeBody(ask: AskHead, settings: Settings): boolean {
  if (ask.headerLines('transfer-encoding').length > 0) return true;
  return Number(ask.headerLines('content-length')[0] ?? 0) > settings.maxRequestBytes;
}
