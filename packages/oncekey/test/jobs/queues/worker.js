/**
 * One process of the tests that kill a worker between effect and acknowledgement. It makes its
 * effect (a line in a file), stores the outcome, and never settles the message.
 */
import { appendFileSync } from 'node:fs';
import { sqlite } from 'oncekey/sqlite';

const { module, url, queue, path, effects } = JSON.parse(process.argv[2] ?? '{}');
const { open } = await import(module);
const opened = await open({ url, queue });
const handler = async (_message, work) => work.step('pay', () => appendFileSync(effects, `${work.attempt}\n`));
await opened.work(handler, { store: sqlite(path) }, true);
