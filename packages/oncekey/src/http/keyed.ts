/**
 * One keyed request, from its body to the tape of its answer: the intent that the engine
 * decides, and what the tape asks of it. One object for all of it, because it is made for
 * every request.
 */
import type { Decision, DuplicateDecision, Engine, Intent, Ownership } from '../core/engine.ts';
import { chain, isPromise, type MaybePromise } from '../core/maybe.ts';
import type { Fingerprint, Labels, RecordId } from '../core/store.ts';
import { unprotectedByStore, unprotectedHeaderName } from '../protocol.ts';
import { readInput, type RequestInput } from './fingerprint.ts';
import type { ProblemKind } from './options.ts';
import type { RecentFingerprints } from './recent-fingerprints.ts';
import { answerDuplicate, echoLines, problem } from './replies.ts';
import type { Answer, AskBody, AskHead, Begun, HeadEdit, Keyed } from './seam.ts';
import type { Settings } from './settings.ts';
import { AnswerTape, type TapeAsk } from './tape.ts';

/** Nothing to change. */
export const noEdit: HeadEdit = { remove: [], add: [] };

/** What all requests of a protocol share. */
export interface Standing {
  readonly settings: Settings;
  readonly engine: Engine;
  readonly recent: RecentFingerprints;
  /** The edit of every run that echoes nothing. */
  readonly runEdit: HeadEdit;
  /** Before anything was claimed. */
  refuse(ask: AskHead, kind: ProblemKind): MaybePromise<Begun>;
}

/** A request whose key is accepted and whose scope is known. */
export class KeyedRequest implements Keyed, Intent, TapeAsk {
  readonly kind = 'keyed';
  readonly id: RecordId;
  readonly settings: Settings;
  readonly policy: Settings['policy'];
  readonly ask: AskHead;
  readonly labels: Labels;
  fingerprint: Fingerprint | null = null;
  /** Once it is granted. */
  ownership!: Ownership;
  readonly #standing: Standing;
  readonly #target: string;
  #input: RequestInput | undefined;

  constructor(standing: Standing, ask: AskHead, id: RecordId, scope: readonly string[], key: string) {
    const { settings } = standing;
    this.id = id;
    this.settings = settings;
    this.policy = settings.policy;
    this.ask = ask;
    this.#standing = standing;
    this.#target = originForm(ask.target);
    const path = pathOf(this.#target);
    this.labels = {
      scope,
      operation: settings.operationName,
      key,
      owner: null,
      method: ask.method,
      path,
      eventId: null,
    };
  }

  get limitBytes(): number {
    return this.settings.maxRequestBytes;
  }

  read(body: AskBody): MaybePromise<Begun> {
    if (body.kind === 'too-large') return this.#standing.refuse(this.ask, 'request-too-large');
    const input = readInput(this.settings, this.ask, this.#target, body);
    return isPromise(input) ? input.then((read) => this.#claim(read)) : this.#claim(input);
  }

  refingerprint(algorithm: string): Fingerprint | null {
    return this.#input?.by(algorithm) ?? null;
  }

  duplicate(): MaybePromise<DuplicateDecision> {
    return this.#standing.engine.look(this);
  }

  answerDuplicate(decision: DuplicateDecision): MaybePromise<Answer> {
    return answerDuplicate(this.settings, this.ask, this.labels.key, decision);
  }

  failed(): MaybePromise<Answer> {
    return problem(this.settings, 'work-failed');
  }

  #claim(input: RequestInput): MaybePromise<Begun> {
    const { engine, recent } = this.#standing;
    this.#input = input;
    this.fingerprint = input.fingerprint(recent);
    return chain(engine.begin(this), (decision) => this.#begun(decision));
  }

  #begun(decision: Decision): MaybePromise<Begun> {
    const { settings } = this;
    if (decision.kind === 'run') return this.#run(decision.ownership);
    if (settings.mode === 'observe') return { kind: 'pass', edit: noEdit };
    if (decision.kind === 'store-down' && settings.storeDown === 'pass') {
      settings.onEvent?.({ kind: 'unprotected', id: this.id, labels: this.labels });
      const add = [[unprotectedHeaderName, unprotectedByStore]] as const;
      return { kind: 'pass', edit: { ...this.#standing.runEdit, add } };
    }
    return chain(this.answerDuplicate(decision), (answer) => ({ kind: 'answer', answer, close: false }));
  }

  #run(ownership: Ownership): Begun {
    const { settings } = this;
    this.ownership = ownership;
    const tape = new AnswerTape(this);
    if (settings.mode === 'observe') return { kind: 'run', ownership, tape, edit: noEdit };
    const { runEdit } = this.#standing;
    const edit = settings.echoKey ? { ...runEdit, add: echoLines(settings, this.labels.key) } : runEdit;
    return { kind: 'run', ownership, tape, edit };
  }
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
