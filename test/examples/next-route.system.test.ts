/** Builds examples/next-route with Next.js itself and charges the server that Next starts. */
import { cpSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { stageExample, startProgram } from '../support/program.ts';
import { root, run, scratch, succeeded } from '../support/scratch.ts';

const folder = scratch();
const quiet = { NEXT_TELEMETRY_DISABLED: '1' };

// Links lead out of the folder, to the library and to Next: its bundler must be told how far it may follow.
const config = `import given from './given.config.mjs';
export default { ...given, turbopack: { root: '/' } };
`;

const program = `import { createServer } from 'node:http';
import next from 'next';
const app = next({ dev: false, dir: import.meta.dirname });
await app.prepare();
const server = createServer(app.getRequestHandler());
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: 'http://127.0.0.1:' + server.address().port })));
`;

/** As npm would: Next leaves packages out of its bundles, and a link to a source tree is none. */
function installLibrary(packages: string): void {
  const library = join(packages, 'oncekey');
  rmSync(library);
  for (const part of ['package.json', 'dist'])
    cpSync(join(root, 'packages', 'oncekey', part), join(library, part), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(library, 'node_modules'));
}

test('a charge is made once for its key', async () => {
  const staged = await stageExample('next-route', 'next', folder);
  installLibrary(join(folder, 'node_modules'));
  renameSync(join(staged, 'next.config.mjs'), join(staged, 'given.config.mjs'));
  writeFileSync(join(staged, 'next.config.mjs'), config);
  writeFileSync(join(staged, 'package.json'), '{ "type": "module" }');
  writeFileSync(join(staged, 'serve.mjs'), program);
  const next = join(folder, 'node_modules', 'next', 'dist', 'bin', 'next');
  expect(await run(process.execPath, [next, 'build'], staged, quiet)).toEqual(succeeded);
  const { said } = await startProgram(
    join(staged, 'serve.mjs'),
    { ...quiet, DATABASE: join(folder, 'charges.db') },
    staged,
  );

  const charge = (headers: Record<string, string>, body = '{"amount":42}'): Promise<Response> =>
    fetch(`${said['url']}/charges`, { method: 'POST', headers: { authorization: 'acme', ...headers }, body });
  const key = { 'idempotency-key': 'order-17' };
  const answers = await Promise.all([charge(key), charge(key), charge(key)]);
  const made = answers.filter(({ status }) => status === 201);
  expect(answers.map(({ status }) => status).every((status) => status === 201 || status === 409)).toBe(true);
  const first = await made[0]?.text();
  const repeat = await charge(key);
  expect([repeat.status, repeat.headers.get('Idempotent-Replayed'), await repeat.text()]).toEqual([201, 'true', first]);
  expect((await charge(key, '{"amount":43}')).status).toBe(422);
  expect((await charge({})).status).toBe(400);
}, 600_000);
