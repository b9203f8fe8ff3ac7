/** NATS JetStream, and its entry. */
import { startNats } from '../../../../tools/servers/nats.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { queueCases } from './queue-cases.ts';

const server = serverForFile(startNats);
queueCases('nats', () => server().url, true);
