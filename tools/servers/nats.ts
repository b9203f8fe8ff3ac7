/** A private NATS server with JetStream, which keeps its streams in its folder. */
import { join } from 'node:path';
import { makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { greetingOf } from './greeting.ts';
import { ensureProgram, programs } from './program.ts';
import { type Server, startServer } from './server.ts';

/** Starts NATS with JetStream. */
export async function startNats(): Promise<Server> {
  const command = await ensureProgram(programs.nats);
  const folder = makeFolder('nats');
  const port = await freePort();
  return startServer({
    name: 'nats',
    url: `nats://127.0.0.1:${port}`,
    port,
    folder,
    command,
    args: ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', join(folder, 'streams')],
    ready: async () => (await greetingOf(port)).toString().includes('"jetstream":true'),
  });
}
