/**
 * Several statements in one message of `pg`, with BEGIN before or COMMIT after them: where one
 * fails, the server passes over the rest. All are kept prepared in the session. Written to the
 * part of `pg` that its cursors are made of. Whether a commit took effect when no answer comes,
 * it cannot tell.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../core/clock.ts';
import type { KeptStatement } from '../core/store.ts';
import { Unanswered } from './claim.ts';
import { isRefusal } from './conflict.ts';

interface Connection {
  readonly stream: { cork?(): void; uncork?(): void };
  parse(statement: { name: string; text: string; types: [] }): void;
  close(what: { type: 'S'; name: string }): void;
  bind(to: { portal: ''; statement: string; values: readonly (string | null)[] }): void;
  describe(what: { type: 'P'; name: '' }): void;
  execute(portal: { portal: ''; rows: 0 }): void;
  sync(): void;
  on(event: 'parseComplete', heard: () => void): unknown;
  off(event: 'parseComplete', heard: () => void): unknown;
}

interface Queue {
  query(one: Message): unknown;
}

/** The end of a transaction. */
export const commit: KeptStatement = { name: 'oncekey_COMMIT', text: 'COMMIT', values: [] };

// The server keeps the plan of a statement that ages as the table was when it was made, until somebody analyses the table.
const mostUses = 100;
const longestMs = 10_000;

/** Whether the client lets others write messages: not the native one, nor one that sends ahead. */
export function canSend(client: object): boolean {
  const { connection, pipeline } = client as { connection?: Partial<Connection>; pipeline?: unknown };
  return pipeline !== true && typeof connection?.parse === 'function' && typeof connection.on === 'function';
}

/** Sends them all and gives the rows. Ending in COMMIT, throws {@link Unanswered} when nobody knows whether it took effect. */
export function send(client: object, statements: readonly KeptStatement[]): Promise<readonly object[]> {
  return new Promise((resolve, reject) => {
    const commits = statements.at(-1) === commit;
    const ended = (error: Error | null, rows: object[] = []): void => {
      if (error === null) resolve(rows);
      // The client also ends it by itself, such as after its query_timeout.
      else reject(commits && !isRolledBack(error) ? new Unanswered(error) : error);
    };
    (client as Queue).query(new Message(sessionOf(client), statements, ended));
  });
}

/** What a client has prepared in its session, under names that are nobody else's. */
class Session {
  /**
   * Whether it is the client's own, as the server has said; `gone` once what was prepared there was not found. A pooler hands
   * sessions from client to client.
   */
  is: 'unknown' | 'own' | 'gone' = 'unknown';
  readonly suffix: string = randomBytes(6).toString('hex');
  readonly prepared: Map<string, Prepared> = new Map();
  readonly columns: Map<string, readonly string[]> = new Map();
}

interface Prepared {
  readonly sinceMs: number;
  uses: number;
}

const sessions = new WeakMap<object, Session>();

/** What is known of the client's session. */
export function sessionOf(client: object): Session {
  let session = sessions.get(client);
  if (session === undefined) sessions.set(client, (session = new Session()));
  return session;
}

/** What the client hands the answers to. */
class Message {
  /** The client puts its own here, which calls this one. */
  callback: (error: Error | null, rows?: object[]) => void;
  readonly #session: Session;
  readonly #statements: readonly KeptStatement[];
  readonly #rows: object[] = [];
  #fresh: string[] = [];
  #stop: (() => void) | undefined;
  /** Which of the statements is being answered. */
  #at = 0;
  #last = '';

  constructor(session: Session, statements: readonly KeptStatement[], callback: Message['callback']) {
    this.#session = session;
    this.#statements = statements;
    this.callback = callback;
  }

  submit(connection: Connection): null {
    connection.stream.cork?.();
    // First of all: what fails in between would leave them there.
    for (const statement of this.#statements) this.#forgetOld(connection, statement);
    for (const statement of this.#statements) this.#put(connection, statement);
    connection.sync();
    connection.stream.uncork?.();
    if (this.#fresh.length > 0) this.#hear(connection);
    return null;
  }

  #forgetOld(connection: Connection, { name, ages }: KeptStatement): void {
    const { suffix, prepared } = this.#session;
    const known = ages === true ? prepared.get(name) : undefined;
    if (known === undefined || !isOld(known)) return;
    connection.close({ type: 'S', name: `${name}_${suffix}` });
    prepared.delete(name);
  }

  #put(connection: Connection, { name, text, values }: KeptStatement): void {
    const { suffix, prepared, columns } = this.#session;
    const statement = `${name}_${suffix}`;
    const known = prepared.get(name);
    if (known === undefined) {
      connection.parse({ name: statement, text, types: [] });
      this.#fresh.push(name);
    } else known.uses += 1;
    connection.bind({ portal: '', statement, values });
    if (!columns.has(name)) connection.describe({ type: 'P', name: '' });
    connection.execute({ portal: '', rows: 0 });
  }

  /** Counts what the server has prepared, also of a message that fails later on. */
  #hear(connection: Connection): void {
    const sinceMs = systemClock.monotonicMs();
    const heard = (): void => {
      const name = this.#fresh.shift();
      if (name !== undefined) this.#session.prepared.set(name, { sinceMs, uses: 1 });
    };
    connection.on('parseComplete', heard);
    this.#stop = () => connection.off('parseComplete', heard);
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
    const names = fields.map(({ name }) => name);
    this.#session.columns.set(this.#answered(), names);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const row: Record<string, string | null> = {};
    const columns = this.#session.columns.get(this.#answered()) ?? [];
    for (let at = 0; at < columns.length; at++) row[columns[at] as string] = fields[at] ?? null;
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    const { columns } = this.#session;
    const name = this.#answered();
    // What was not described by now has none.
    if (!columns.has(name)) columns.set(name, []);
    this.#at += 1;
    this.#last = text;
  }

  #answered(): string {
    return this.#statements[this.#at]?.name ?? '';
  }

  handleReadyForQuery(): void {
    this.#stop?.();
    const hasFailed = this.#statements.at(-1) === commit && this.#last !== 'COMMIT';
    if (hasFailed) this.callback(new RolledBackAtCommit());
    else this.callback(null, this.#rows);
  }

  handleError(error: Error): void {
    this.#stop?.();
    if (isGone(error)) this.#session.is = 'gone';
    this.callback(error);
  }
}

class RolledBackAtCommit extends Error {
  constructor() {
    super('atomic: the transaction had failed before, and was rolled back');
  }
}

// All else may have come after the commit.
function isRolledBack(error: Error): boolean {
  return error instanceof RolledBackAtCommit || isRefusal(error);
}

function isOld({ uses, sinceMs }: Prepared): boolean {
  return uses >= mostUses || systemClock.monotonicMs() - sinceMs > longestMs;
}

/** Whether a prepared statement was not there, or was there already: a pooler is in between, or somebody has discarded them. Nothing was done. */
export function isGone(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '26000' || code === '42P05';
}
