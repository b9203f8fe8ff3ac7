/**
 * A private RabbitMQ broker, with a port mapper of its own: the one that Erlang starts by itself
 * would stay behind, on a standard port that other brokers share.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { giveTo, makeFolder } from './folder.ts';
import { freePort } from './free-port.ts';
import { greetingOf } from './greeting.ts';
import { ensureProgram, programs } from './program.ts';
import { type Server, startServer } from './server.ts';
import { userFor } from './user.ts';

/** Starts RabbitMQ with the user `guest`. It takes some seconds. */
export async function startRabbitmq(): Promise<Server> {
  const command = await ensureProgram(programs.rabbitmq);
  const user = userFor('rabbitmq');
  const mapper = await startPortMapper(user);
  try {
    const folder = makeFolder('rabbitmq', user);
    const port = await freePort();
    const settings = join(folder, 'rabbitmq.conf');
    writeFileSync(settings, `listeners.tcp.1 = 127.0.0.1:${port}\nloopback_users.guest = true\n`);
    writeFileSync(join(folder, 'enabled_plugins'), '[].\n');
    if (user !== undefined) giveTo(user, folder);
    const broker = await startServer({
      name: 'rabbitmq',
      url: `amqp://guest:guest@127.0.0.1:${port}`,
      port,
      folder,
      command,
      args: ['-noinput'],
      environment: await environmentOf(folder, settings, port, mapper.port),
      user,
      // The protocol header is answered with a method frame: Connection.Start.
      ready: async () => (await greetingOf(port, Buffer.from('AMQP\0\0\u0009\u0001')))[0] === 1,
      deadlineMs: 90_000,
    });
    return withMapper(broker, mapper);
  } catch (error) {
    await mapper.stop();
    throw error;
  }
}

async function startPortMapper(user: string | undefined): Promise<Server> {
  const command = await ensureProgram({ command: 'epmd', package: 'erlang-base' });
  const folder = makeFolder('epmd', user);
  const port = await freePort();
  const args = ['-port', String(port), '-address', '127.0.0.1'];
  // The request for the names of all nodes: length 1, then `n`.
  const ready = async (): Promise<boolean> => (await greetingOf(port, Uint8Array.of(0, 1, 110))).length >= 4;
  return startServer({ name: 'epmd', url: `tcp://127.0.0.1:${port}`, port, folder, command, args, user, ready });
}

async function environmentOf(
  folder: string,
  settings: string,
  port: number,
  mapperPort: number,
): Promise<Record<string, string>> {
  return {
    HOME: folder,
    ERL_EPMD_PORT: String(mapperPort),
    RABBITMQ_NODENAME: `oncekey-${port}@localhost`,
    RABBITMQ_NODE_IP_ADDRESS: '127.0.0.1',
    RABBITMQ_NODE_PORT: String(port),
    RABBITMQ_DIST_PORT: String(await freePort()),
    RABBITMQ_CONF_ENV_FILE: join(folder, 'no-environment.conf'),
    RABBITMQ_CONFIG_FILE: settings,
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    // The start script then becomes the broker instead of waiting for it: one process id for both.
    RABBITMQ_ALLOW_INPUT: 'true',
  };
}

function withMapper(broker: Server, mapper: Server): Server {
  return {
    ...broker,
    get processId() {
      return broker.processId;
    },
    async stop() {
      await broker.stop();
      await mapper.stop();
    },
  };
}
