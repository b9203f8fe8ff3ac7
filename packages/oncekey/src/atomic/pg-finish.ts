/**
 * The last statement of a transaction and its COMMIT in one message of `pg`: where the
 * statement fails, the server passes over the rest. Written to the part of `pg` that its
 * cursors are made of. Whether the commit took effect when no answer comes, it cannot tell.
 */
import { Unanswered } from './claim.ts';

interface Connection {
  readonly stream: { cork?(): void; uncork?(): void };
  readonly parsedStatements: Readonly<Record<string, unknown>>;
  parse(statement: { name: string; text: string; types: [] }, more: true): void;
  bind(to: { portal: ''; statement: string; values: (string | null)[] }, more: true): void;
  describe(what: { type: 'P'; name: '' }, more: true): void;
  execute(portal: { portal: ''; rows: 0 }, more: true): void;
  sync(): void;
}

interface Queue {
  query(one: Finish): unknown;
}

/** Whether the client lets others write messages: not the native one, nor one that sends ahead. */
export function canFinish(client: object): boolean {
  const { connection, pipeline } = client as { connection?: Partial<Connection>; pipeline?: unknown };
  return pipeline !== true && typeof connection?.parse === 'function' && connection.parsedStatements !== undefined;
}

/** Runs the statement, prepared under the name, and commits. Throws {@link Unanswered} when nobody knows whether it did. */
export function finish(client: object, name: string, text: string, values: (string | null)[]): Promise<object[]> {
  return new Promise((resolve, reject) => {
    const ended = (error: Error | null, rows: object[] = []): void => (error === null ? resolve(rows) : reject(error));
    (client as Queue).query(new Finish(name, text, values, ended));
  });
}

/** What the client hands the answers to. By `name` and `text` it notes what is prepared. */
class Finish {
  readonly name: string;
  readonly text: string;
  /** The client puts its own here, which calls this one. */
  callback: (error: Error | null, rows?: object[]) => void;
  readonly #values: (string | null)[];
  readonly #rows: object[] = [];
  #columns: readonly string[] = [];
  #isCommitted = false;

  constructor(name: string, text: string, values: (string | null)[], callback: Finish['callback']) {
    this.name = name;
    this.text = text;
    this.#values = values;
    this.callback = callback;
  }

  submit(connection: Connection): null {
    const { name, text } = this;
    connection.stream.cork?.();
    if (connection.parsedStatements[name] === undefined) connection.parse({ name, text, types: [] }, true);
    connection.bind({ portal: '', statement: name, values: this.#values }, true);
    connection.describe({ type: 'P', name: '' }, true);
    connection.execute({ portal: '', rows: 0 }, true);
    connection.parse({ name: '', text: 'COMMIT', types: [] }, true);
    connection.bind({ portal: '', statement: '', values: [] }, true);
    connection.execute({ portal: '', rows: 0 }, true);
    connection.sync();
    connection.stream.uncork?.();
    return null;
  }

  handleRowDescription({ fields }: { readonly fields: readonly { readonly name: string }[] }): void {
    this.#columns = fields.map(({ name }) => name);
  }

  handleDataRow({ fields }: { readonly fields: readonly (string | null)[] }): void {
    this.#rows.push(Object.fromEntries(this.#columns.map((column, at) => [column, fields[at] ?? null])));
  }

  handleCommandComplete({ text }: { readonly text: string }): void {
    this.#isCommitted = text === 'COMMIT';
  }

  handleReadyForQuery(): void {
    if (this.#isCommitted) this.callback(null, this.#rows);
    else this.callback(new Error('atomic: the transaction had failed before, and was rolled back'));
  }

  handleError(error: Error): void {
    this.callback(isRefusal(error) ? error : new Unanswered(error));
  }
}

// The server has refused: it has rolled back. All else may have come after the commit.
function isRefusal(error: Error): boolean {
  const { severity, code } = error as { severity?: unknown; code?: unknown };
  return typeof severity === 'string' && !/^(08|57P|XX)/.test(String(code));
}
