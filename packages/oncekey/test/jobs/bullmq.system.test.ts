/** BullMQ on Redis, and its entry. */
import { startRedis } from '../../../../tools/servers/redis.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { queueCases } from './queue-cases.ts';

const server = serverForFile(startRedis);
queueCases('bullmq', () => server().url, true);
