/**
 * Opens the store that `--store` names. Keeps I11 at the start: a store that cannot serve
 * is a refusal to start, in one line, never a gateway without protection. Databases on a
 * server are verified and never migrated here: that is `oncekey migrate`.
 */
import { memory, type Store } from 'oncekey';
import { Refusal, reasonOf } from '../refusal.ts';

/** By scheme: opens what the URL names, loading its driver only now. Each checks before it answers. */
const openers: ReadonlyMap<string, (url: string) => Promise<Store>> = new Map([
  ['memory', openMemory],
  ['sqlite', openSqlite],
  ['json-file', openJsonFile],
  ['postgres', openPostgres],
  ['postgresql', openPostgres],
  ['mysql', openMysql],
  ['redis', openRedis],
  ['rediss', openRedis],
  ['redis+cluster', openRedis],
]);

const wanted =
  'memory:, sqlite:PATH, json-file:PATH, postgres://…, mysql://…, redis://…, rediss://… or redis+cluster://HOST:PORT,…';

/** Opens and checks it. Throws a `Refusal`. */
export async function openStore(url: string): Promise<Store> {
  const scheme = /^([a-z][a-z+-]*):./i.exec(url === 'memory:' ? 'memory:.' : url)?.[1]?.toLowerCase() ?? '';
  const open = openers.get(scheme);
  if (open === undefined) throw new Refusal(`--store: ${JSON.stringify(shownUrl(url))} will not do; use ${wanted}`);
  try {
    return await open(url);
  } catch (error) {
    throw new Refusal(`--store: ${shownUrl(url)} cannot serve: ${reasonOf(error)}`);
  }
}

/** The URL without its password. */
export function shownUrl(url: string): string {
  return url.replace(/(\/\/[^/:@]*):[^@/]*@/, '$1:…@');
}

async function openMemory(url: string): Promise<Store> {
  if (url !== 'memory:') throw new Error('memory: takes nothing after the colon');
  return memory();
}

async function openSqlite(url: string): Promise<Store> {
  const { sqlite } = await import('oncekey/sqlite');
  const store = sqlite(url.replace(/^sqlite:(\/\/)?/i, ''));
  await store.check();
  return store;
}

async function openJsonFile(url: string): Promise<Store> {
  const { jsonFile } = await import('oncekey/json-file');
  const store = jsonFile(url.replace(/^json-file:(\/\/)?/i, ''));
  await store.check();
  return store;
}

async function openPostgres(url: string): Promise<Store> {
  return (await import('../stores/postgres.ts')).openPostgres(url);
}

async function openMysql(url: string): Promise<Store> {
  return (await import('../stores/mysql.ts')).openMysql(url);
}

async function openRedis(url: string): Promise<Store> {
  return (await import('../stores/redis.ts')).openRedis(url);
}
