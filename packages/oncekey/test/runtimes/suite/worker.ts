/** The suite as a worker: `workerd test` calls it and passes on what it logs. */
import { reportLine } from './suite.ts';

export default {
  async test(): Promise<void> {
    // A worker has no standard output of its own.
    globalThis.console.log(await reportLine());
  },
};
