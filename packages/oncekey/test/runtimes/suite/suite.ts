/**
 * The suite that every runtime runs from one bundle: the store contract on the memory
 * store, the core, the entries for fetch and Hono, and the client. It prints what happened as one line of JSON, so
 * that the test that started the runtime can tell.
 */
import { memory } from '../../../src/stores/memory.ts';
import { storeContract, virtualClock } from '../../../src/testing/index.ts';
import { coreCases } from './core-cases.ts';
import { clientCases } from './client-cases.ts';
import { fetchCases } from './fetch-cases.ts';

/** One thing that has to hold; rejects when it does not. */
export interface SuiteCase {
  readonly id: string;
  run(): Promise<void>;
}

/** What the suite found. */
export interface SuiteReport {
  readonly passed: number;
  /** Id and error of each case that failed. */
  readonly failed: readonly string[];
}

/** Runs every case, one after the other. */
export async function runSuite(): Promise<SuiteReport> {
  const failed: string[] = [];
  const cases = [...contractCases(), ...coreCases, ...fetchCases, ...clientCases];
  for (const { id, run } of cases) {
    try {
      await run();
    } catch (error) {
      failed.push(`${id}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  return { passed: cases.length - failed.length, failed };
}

/** The line that the runtime prints. */
export async function reportLine(): Promise<string> {
  return `REPORT ${JSON.stringify(await runSuite())}`;
}

function contractCases(): readonly SuiteCase[] {
  const cases = storeContract(async () => {
    const clock = virtualClock();
    const store = memory({ clock });
    return { store, clock, close: async () => store.close() };
  });
  return cases.map(({ id, run }) => ({
    id: `memory ${id}`,
    async run() {
      const result = await run();
      if (result.kind === 'skipped') throw new Error(`skipped: ${result.reason}`);
    },
  }));
}
