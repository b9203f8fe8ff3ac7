/**
 * The HTTP protocol, written once (SEMANTICS section 1): from a request to pass, answer
 * or run. Checks in the order method, key, scope, body, fingerprint, claim (I6, I7, I11).
 * With a synchronous store and a body that is already here no promise is made. It knows
 * no framework; an entry knows nothing of this.
 */
import { createEngine, type Decision, type Engine, type Intent, type Ownership } from '../core/engine.ts';
import { recordId } from '../core/key.ts';
import { chain, type MaybePromise } from '../core/maybe.ts';
import type { RecordId, Store } from '../core/store.ts';
import { ownedHere } from '../core/work.ts';
import { unprotectedByStore, unprotectedHeaderName } from '../protocol.ts';
import { RequestInput } from './fingerprint.ts';
import { readKey, type KeyReading } from './key-header.ts';
import { ObservedTape } from './observed-tape.ts';
import type { ProblemKind, ProtocolOptions } from './options.ts';
import { problemAnswer, type ProblemFacts } from './problem.ts';
import { RecentFingerprints } from './recent-fingerprints.ts';
import { answerDuplicate, echoLines, refuse } from './replies.ts';
import { scopeOf } from './scope.ts';
import type { Ask, AskBody, Begun, HeadEdit, Protocol } from './seam.ts';
import { settle, type Settings } from './settings.ts';
import { AnswerTape } from './tape.ts';

const noEdit: HeadEdit = { remove: [], add: [] };
const pass: Begun = { kind: 'pass', edit: noEdit };

/** The protocol over one store. Throws a TypeError that names a wrong option. */
export function createProtocol(options: ProtocolOptions & { readonly store: Store }): Protocol {
  const settings = settle(options);
  const { storeTimeoutMs, onEvent, clock } = settings;
  const parts = { store: options.store, storeTimeoutMs, clock, ...(onEvent && { onEvent }) };
  const { atomic } = options;
  return new HttpProtocol(settings, atomic === undefined ? createEngine(parts) : atomic(parts));
}

/** A keyed request on its way through the checks. */
interface Keyed {
  readonly ask: Ask;
  readonly key: string;
  readonly id: RecordId;
  readonly scope: readonly string[];
}

class HttpProtocol implements Protocol {
  readonly #settings: Settings;
  readonly #engine: Engine;
  readonly #recent = new RecentFingerprints();
  /** The edit of every run that echoes nothing. */
  readonly #runEdit: HeadEdit;

  constructor(settings: Settings, engine: Engine) {
    this.#settings = settings;
    this.#engine = engine;
    this.#runEdit = { remove: [settings.replayName], add: [] };
  }

  begin(ask: Ask): MaybePromise<Begun> {
    const settings = this.#settings;
    if (!settings.protectedMethods.has(ask.method) || isUpgrade(ask)) return pass;
    return chain(readKey(ask.headerLines(settings.keyHeader), settings), (reading) => this.#beginKeyed(ask, reading));
  }

  close(): Promise<void> {
    return this.#engine.close();
  }

  #beginKeyed(ask: Ask, reading: KeyReading): MaybePromise<Begun> {
    const settings = this.#settings;
    switch (reading.kind) {
      case 'absent':
        return settings.missingKey === 'pass' ? pass : this.#refuse(ask, 'key-missing');
      case 'invalid':
        return settings.invalidKey === 'pass' ? pass : this.#refuse(ask, 'key-invalid', { reason: reading.reason });
      case 'key':
        return chain(ask.scope(), (answer) => {
          const scope = scopeOf(answer, settings.noScope);
          return scope === null ? this.#refuse(ask, 'scope-missing') : this.#beginScoped(ask, reading.key, scope);
        });
    }
  }

  #beginScoped(ask: Ask, key: string, scope: readonly string[]): MaybePromise<Begun> {
    const settings = this.#settings;
    const id = recordId(scope, settings.operationName, key);
    // Rule 16: a request that comes back to itself with its own key must not wait for itself.
    if (ownedHere(id) !== undefined) return pass;
    const keyed: Keyed = { ask, key, id, scope };
    return chain(ask.body(settings.maxRequestBytes), (read) => this.#beginRead(keyed, read));
  }

  #beginRead(keyed: Keyed, body: AskBody): MaybePromise<Begun> {
    if (body.kind === 'too-large') return this.#refuse(keyed.ask, 'request-too-large');
    const intent = this.#intent(keyed, body);
    return chain(this.#engine.begin(intent), (decision) => this.#begun(keyed, intent, decision));
  }

  #intent({ ask, key, id, scope }: Keyed, body: Exclude<AskBody, { kind: 'too-large' }>): Intent {
    const settings = this.#settings;
    const target = originForm(ask.target);
    const input = new RequestInput(settings, ask, target, body);
    const path = pathOf(target);
    return {
      id,
      labels: { scope, operation: settings.operationName, key, owner: null, method: ask.method, path, eventId: null },
      fingerprint: input.fingerprint(this.#recent),
      refingerprint: (algorithm) => input.by(algorithm),
      policy: this.#settings.policy,
    };
  }

  #begun(keyed: Keyed, intent: Intent, decision: Decision): Begun {
    const settings = this.#settings;
    if (decision.kind === 'run') return this.#run(keyed, intent, decision.ownership);
    if (settings.mode === 'observe') return pass;
    if (decision.kind === 'store-down' && settings.storeDown === 'pass') {
      settings.onEvent?.({ kind: 'unprotected', id: intent.id, labels: intent.labels });
      return { kind: 'pass', edit: { ...this.#runEdit, add: [[unprotectedHeaderName, unprotectedByStore]] } };
    }
    const answer = answerDuplicate(settings, keyed.ask, keyed.key, decision);
    return { kind: 'answer', answer, close: false };
  }

  #run({ ask, key }: Keyed, intent: Intent, ownership: Ownership): Begun {
    const settings = this.#settings;
    const tape = new AnswerTape({
      settings,
      ownership,
      duplicate: () => this.#engine.look(intent),
      answerDuplicate: (decision) => answerDuplicate(settings, ask, key, decision),
      failed: () => problemAnswer(settings, 'work-failed'),
      waitUntil: ask.waitUntil,
    });
    if (settings.mode === 'observe')
      return { kind: 'run', ownership, tape: new ObservedTape(tape, ask.waitUntil), edit: noEdit };
    const edit = settings.echoKey ? { ...this.#runEdit, add: echoLines(settings, key) } : this.#runEdit;
    return { kind: 'run', ownership, tape, edit };
  }

  /** A refusal before anything was read; observing passes instead. */
  #refuse(ask: Ask, kind: ProblemKind, facts?: ProblemFacts): Begun {
    const settings = this.#settings;
    if (settings.mode === 'observe') return pass;
    const close = kind === 'request-too-large' || hasLargeBody(ask, settings);
    return { kind: 'answer', answer: refuse(settings, ask, kind, facts), close };
  }
}

/** `Upgrade: h2c` is no other protocol's request: curl sends it with ordinary ones, and servers ignore it. */
function isUpgrade(ask: Ask): boolean {
  const upgrade = ask.headerLines('upgrade')[0];
  return upgrade !== undefined && upgrade.toLowerCase() !== 'h2c';
}

/** Whether leaving the body unread could cost more than a new connection. */
function hasLargeBody(ask: Ask, settings: Settings): boolean {
  if (ask.headerLines('transfer-encoding').length > 0) return true;
  return Number(ask.headerLines('content-length')[0] ?? 0) > settings.maxRequestBytes;
}

/** Path and query, also of a request line in absolute form (RFC 9112 section 3.2.2). */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const match = /^[a-z][a-z0-9+.-]*:\/\/[^/?#]*(.*)$/i.exec(target);
  const rest = match?.[1] ?? target;
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end === -1 ? target : target.slice(0, end);
}
