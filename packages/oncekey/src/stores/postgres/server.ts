/**
 * The server as the statements see it: tables by their names, and one way to run. A
 * statement that lost against somebody else (a deadlock, a serialisation failure, a unique
 * index that is being built anew) runs again, a few times; every statement here changes
 * nothing when it fails.
 */
import { randomInt } from 'node:crypto';
import { systemClock } from '../../core/clock.ts';
import { pause } from '../../core/guard.ts';
import type { Execute, Parameter, Row } from './client.ts';
import { isRepeatable } from './failure.ts';
import type { TableNames } from './names.ts';
import { type Asked, type Statement, runStatement } from './statement.ts';

/** So often a statement or a decision is tried before the call fails. */
export const maxTries = 8;

/** Runs statements on the tables of one store. */
export interface Server {
  readonly names: TableNames;
  /** Whether the last claims were mostly of keys that nobody had claimed: then inserting comes before looking. */
  mostlyNew: boolean;
  /** Runs for these calls; their ids differ from each other. */
  run(statement: Statement, calls: readonly Asked[]): Promise<readonly Row[]>;
  runText(text: string, parameters: readonly Parameter[]): Promise<readonly Row[]>;
}

/** A server behind `execute`. */
export function serverOf(execute: Execute, names: TableNames): Server {
  return {
    names,
    mostlyNew: true,
    run: (statement, calls) => again(() => runStatement(execute, statement, calls, 'bare')),
    runText: (text, parameters) => again(() => execute(text, parameters)),
  };
}

async function again<T>(run: () => Promise<T>): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await run();
    } catch (error) {
      if (tried >= maxTries || !isRepeatable(error)) throw error;
      // A random pause, so that two who deadlocked do not meet again.
      await pause(systemClock, randomInt(1, 4 * tried));
    }
  }
}
