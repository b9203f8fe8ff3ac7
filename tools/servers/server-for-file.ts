/** One server for all cases of a test file: started before the first, stopped after the last. */
import { afterAll, beforeAll } from 'vitest';

/** Starts what `start` starts before the file's (or the enclosing describe's) cases; the result gives it to a case. */
export function serverForFile<Started extends { stop(): Promise<void> }>(start: () => Promise<Started>): () => Started {
  let server: Started | undefined;
  // The first start on a machine may install a package and make a template.
  beforeAll(async () => {
    server = await start();
  }, 600_000);
  afterAll(async () => {
    await server?.stop();
  });
  return () => {
    if (server === undefined) throw new Error('the server is there in cases and in hooks after this one only');
    return server;
  };
}
