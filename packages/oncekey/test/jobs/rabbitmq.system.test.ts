/** RabbitMQ, and its entry: what has no id goes where people look. */
import { sqlite } from 'oncekey/sqlite';
import { expect, test } from 'vitest';
import { startRabbitmq } from '../../../../tools/servers/rabbitmq.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { waitUntil } from '../../../../tools/servers/wait-until.ts';
import { testFolder } from '../stores/sqlite/folder.ts';
import { queueCases, type CaseQueue } from './queue-cases.ts';

const newPath = testFolder();
const server = serverForFile(startRabbitmq);
queueCases('rabbitmq', () => server().url, true);

test('a message without an id is dead-lettered, and nothing runs', async () => {
  const module = new URL('queues/rabbitmq.js', import.meta.url).href;
  const { open } = (await import(module)) as { open(at: object): Promise<CaseQueue> };
  const queue = await open({ url: server().url, queue: 'without-id' });
  const refused: unknown[] = [];
  const store = sqlite(newPath());
  await queue.work(() => Promise.reject(new Error('must not run')), {
    store,
    onAnswer: (answer: unknown) => refused.push(answer),
  });
  await queue.send(undefined, { amount: 1 });
  await waitUntil('dead-lettered', async () => (await queue.dead?.()) === 1);
  expect(refused).toMatchObject([{ kind: 'refused', error: { code: 'key_missing' } }]);
  await queue.close();
  await store.close();
});
