/** pg-boss on PostgreSQL, and its entry. */
import { startPostgres } from '../../../../tools/servers/postgres.ts';
import { serverForFile } from '../../../../tools/servers/server-for-file.ts';
import { queueCases } from './queue-cases.ts';

const server = serverForFile(startPostgres);
// A finished job stays in its table, where its id cannot be sent a second time.
queueCases('pg-boss', () => server().url, false);
