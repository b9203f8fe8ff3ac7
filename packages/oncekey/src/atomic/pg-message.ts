/**
 * BEGIN and the first statement of a transaction, or the last one and COMMIT, in one message of
 * `pg`: where a statement fails, the server passes over the rest. All are kept prepared in the
 * session. Written to the part of `pg` that its cursors are made of. Whether a commit took
 * effect when no answer comes, it cannot tell.
 */
import { randomBytes } from 'node:crypto';
import { Unanswered } from './claim.ts';

type Values = (string | null)[];

interface Connection {
  readonly stream: { cork?(): void; uncork?(): void };
  parse(statement: { name: string; text: string; types: [] }): void;
  bind(to: { portal: ''; statement: string; values: Values }): void;
  describe(what: { type: 'P'; name: '' }): void;
  execute(portal: { portal: ''; rows: 0 }): void;
  sync(): void;
  on(event: 'parseComplete', heard: () => void): unknown;
  off(event: 'parseComplete', heard: () => void): unknown;
}

interface Queue {
  query(one: Message): unknown;
}

/** A statement that is kept prepared under a name of its own. */
export interface Kept {
  readonly name: string;
  readonly text: string;
  readonly values: Values;
}

/** What surrounds it: the text that begins the transaction, or COMMIT. */
export type Around = { readonly begin: string } | 'commit';

/** Whether the client lets others write messages: not the native one, nor one that sends ahead. */
export function canSend(client: object): boolean {
  const { connection, pipeline } = client as { connection?: Partial<Connection>; pipeline?: unknown };
  return pipeline !== true && typeof connection?.parse === 'function' && typeof connection.on === 'function';
}

/** Sends both and gives the statement's rows. With COMMIT, throws {@link Unanswered} when nobody knows whether it took effect. */
export function send(client: object, statement: Kept, around: Around): Promise<readonly object[]> {
  return new Promise((resolve, reject) => {
    const ended = (error: Error | null, rows: object[] = []): void => (error === null ? resolve(rows) : reject(error));
    (client as Queue).query(new Message(sessionOf(client), statement, around, ended));
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
  readonly prepared: Set<string> = new Set();
  readonly columns: Map<string, readonly string[]> = new Map();
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
  readonly #statement: Kept;
  readonly #around: Around;
  readonly #rows: object[] = [];
  #fresh: string[] = [];
  #stop: (() => void) | undefined;
  #last = '';

  constructor(session: Session, statement: Kept, around: Around, callback: Message['callback']) {
    this.#session = session;
    this.#statement = statement;
    this.#around = around;
    this.callback = callback;
  }

  submit(connection: Connection): null {
    const { name, text, values } = this.#statement;
    const around = this.#around;
    connection.stream.cork?.();
    if (around !== 'commit') this.#put(connection, `oncekey_${around.begin}`, around.begin, []);
    this.#put(connection, name, text, values, !this.#session.columns.has(name));
    if (around === 'commit') this.#put(connection, 'oncekey_COMMIT', 'COMMIT', []);
    connection.sync();
    connection.stream.uncork?.();
    if (this.#fresh.length > 0) this.#hear(connection);
    return null;
  }

  #put(connection: Connection, name: string, text: string, values: Values, asksColumns = false): void {
    const { suffix, prepared } = this.#session;
    const statement = `${name}_${suffix}`;
    if (!prepared.has(name)) {
      connection.parse({ name: statement, text, types: [] });
      this.#fresh.push(name);
    }
    connection.bind({ portal: '', statement, values });
    if (asksColumns) connection.describe({ type: 'P', name: '' });
    connection.execute({ portal: '', rows: 0 });
  }

  /** Counts what the server has prepared, also of a message that fails later on. */
  #hear(connection: Connection): void {
    const heard = (): void => {
      const name = this.#fresh.shift();
      if (name !== undefined) this.#session.prepared.add(name);
    };
    connection.on('parseComplete', heard);
    this.#stop = () => connection.off('parseComplete', heard);
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
    this.#session.columns.set(
      this.#statement.name,
      fields.map(({ name }) => name),
    );
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    const row: Record<string, string | null> = {};
    const columns = this.#session.columns.get(this.#statement.name) ?? [];
    for (let at = 0; at < columns.length; at++) row[columns[at] as string] = fields[at] ?? null;
    this.#rows.push(row);
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#last = text;
  }

  handleReadyForQuery(): void {
    this.#stop?.();
    if (this.#around !== 'commit' || this.#last === 'COMMIT') this.callback(null, this.#rows);
    else this.callback(new Error('atomic: the transaction had failed before, and was rolled back'));
  }

  handleError(error: Error): void {
    this.#stop?.();
    if (isGone(error)) this.#session.is = 'gone';
    this.callback(this.#around !== 'commit' || isRefusal(error) ? error : new Unanswered(error));
  }
}

// The server has refused: it has rolled back. All else may have come after the commit.
function isRefusal(error: Error): boolean {
  const { severity, code } = error as { severity?: unknown; code?: unknown };
  return typeof severity === 'string' && !/^(08|57P|XX)/.test(String(code));
}

/** Whether a prepared statement was not there, or was there already: a pooler is in between, or somebody has discarded them. Nothing was done. */
export function isGone(error: unknown): boolean {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === '26000' || code === '42P05';
}
