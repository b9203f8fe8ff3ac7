/**
 * A server of the benchmark's own, started by the tool that the tests use. The tool runs a
 * command beside the server; here that command only says the address and waits until its
 * input ends, which it does at the latest with this process.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} PrivateServer
 * @property {string} url
 * @property {() => Promise<void>} stop
 */

const tool = fileURLToPath(new URL('../../tools/run.js', import.meta.url));

/**
 * Starts it, with the settings that a user's would have: what is acknowledged is on the disk.
 * @param {'postgres' | 'mariadb' | 'redis'} name
 * @param {string} variable Where the tool puts the address, such as `ONCEKEY_POSTGRES_URL`.
 * @returns {Promise<PrivateServer>}
 */
export async function startPrivateServer(name, variable) {
  const waiter = `console.log(process.env.${variable}); process.stdin.resume().on('end', () => process.exit())`;
  const child = spawn(process.execPath, [tool, 'servers', name, '--', process.execPath, '-e', waiter], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const lines = createInterface(child.stdout);
  const url = await Promise.race([
    once(lines, 'line').then(([line]) => String(line)),
    ended.then(([code]) => Promise.reject(new Error(`${name} did not start (${code})`))),
  ]);
  return {
    url,
    async stop() {
      child.stdin.end();
      await ended;
    },
  };
}
