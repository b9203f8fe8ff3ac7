/**
 * A pool as the store's methods use it: one statement on any connection, or several in a
 * transaction of their own, which is READ COMMITTED and so takes no locks on gaps. A single
 * statement keeps the connection's level: it finds rows by the unique key, where levels do
 * not differ. Nothing depends on either (safety is the unique key and conditions on one
 * row). No session variable is set: the pool stays as its owner made it.
 */
import { systemClock } from '../../core/clock.ts';
import { type Answered, type MysqlConnection, type MysqlPool, type Spelled, run } from './client.ts';
import { despiteContention, isServerAnswer } from './failure.ts';

/** Runs one statement. */
export type Run = (statement: Spelled) => Promise<Answered>;

// For the next transaction only, which is the next statement where none is begun.
const readCommitted: Spelled = { sql: 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED' };

/** Where the statements of claims and owners go: a pool, or one open transaction. */
export interface Statements {
  readonly run: Run;
}

/** A table, quoted, and where its statements go. */
export interface Place<Db extends Statements = Database> {
  readonly db: Db;
  readonly table: string;
  /** A statement's most bytes. */
  readonly packetBytes: number;
}

/** The database behind a pool. */
export class Database {
  readonly #pool: MysqlPool;
  readonly #timeoutMs: number;

  /** What takes longer than `timeoutMs` is given up with its connection. */
  constructor(pool: MysqlPool, timeoutMs: number) {
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
  }

  /** One statement, which is a transaction by itself. */
  readonly run: Run = async (statement) =>
    despiteContention(() => this.#connected((connection) => run(connection, statement)));

  /** Statements that take effect together or not at all. `work` may be done again, and must have no other effect. */
  transact<T>(work: (run: Run) => Promise<T>): Promise<T> {
    return despiteContention(() =>
      this.#connected(async (connection) => {
        await run(connection, readCommitted);
        await run(connection, { sql: 'START TRANSACTION' });
        const result = await work((statement) => run(connection, statement));
        await run(connection, { sql: 'COMMIT' });
        return result;
      }),
    );
  }

  #connected<T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const loan = new Loan(this.#pool);
      const cancel = systemClock.after(this.#timeoutMs, () => {
        loan.giveUp();
        reject(new Error(`no answer within ${this.#timeoutMs} ms`));
      });
      loan.use(work).then(resolve, reject).finally(cancel);
    });
  }
}

/** A connection while it is lent. */
class Loan {
  readonly #pool: MysqlPool;
  #connection: MysqlConnection | undefined;
  #isGivenUp = false;

  constructor(pool: MysqlPool) {
    this.#pool = pool;
  }

  async use<T>(work: (connection: MysqlConnection) => Promise<T>): Promise<T> {
    const connection = await this.#pool.getConnection();
    this.#connection = connection;
    if (this.#isGivenUp) this.giveUp();
    try {
      const result = await work(connection);
      if (!this.#isGivenUp) await connection.release();
      return result;
    } catch (error) {
      if (!this.#isGivenUp) await giveBack(connection, error);
      throw error;
    }
  }

  /** Nobody can say what the server still does on this connection: it must not be used again. */
  giveUp(): void {
    this.#isGivenUp = true;
    this.#connection?.destroy();
  }
}

// A connection on which something failed may have a transaction open, which must not reach its next user. Where the
// server itself refused, it is asked to end it; where the connection failed, asking could only fail and wait.
async function giveBack(connection: MysqlConnection, error: unknown): Promise<void> {
  if (!isServerAnswer(error)) {
    connection.destroy();
    return;
  }
  try {
    await run(connection, { sql: 'ROLLBACK' });
    await connection.release();
  } catch {
    // The first error is what matters; without its connection the server ends the transaction by itself.
    connection.destroy();
  }
}
