/**
 * Starts the whole till with one command: a small café's API, the gateway in front of it on the embedded
 * store, and a front that serves the page and passes its requests on. Ctrl-C ends all of it.
 */
import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { startApi } from './api.js';
import { startFront } from './front.js';

const { PORT = '3000', DATABASE = 'till-keys.db' } = process.env;
const program = fileURLToPath(new URL('gateway.js', import.meta.url));

const api = await startApi();
// The tenant is the scope: it stays the same when a login is renewed, which a token does not.
const flags = ['--upstream', api.url, '--listen', '127.0.0.1:0', '--store', `sqlite:${DATABASE}`];
const gateway = fork(program, ['gateway', ...flags, '--scope-header', 'x-tenant', '--echo-key'], {
  stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
});
gateway.once('exit', (code) => process.exit(code ?? 1));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => gateway.kill('SIGTERM'));

const gatewayUrl = await new Promise((resolve) => {
  createInterface(gateway.stdout).on('line', (line) => {
    const { event, url } = JSON.parse(line);
    if (event === 'listening') resolve(url);
  });
});
const url = await startFront(gatewayUrl, Number(PORT));
process.stdout.write(`${JSON.stringify({ event: 'listening', url })}\n`);
