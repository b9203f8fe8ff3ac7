/**
 * Child processes of a benchmark: started, asked one question at a time over their
 * message channel, and ended with the benchmark whatever happens to it.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/**
 * @typedef {object} Child
 * @property {number} processId
 * @property {any} first What it said when it was ready.
 * @property {(question: object) => Promise<any>} ask Rejects when it dies or answers an `error`.
 * @property {() => void} end
 */

/**
 * Starts `file` (relative to bench/) and waits for its first message.
 * @param {string} file
 * @param {readonly string[]} [args]
 * @param {readonly string[]} [nodeFlags]
 * @returns {Promise<Child>}
 */
export async function startChild(file, args = [], nodeFlags = []) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = fork(path, args, { execArgv: [...nodeFlags], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const answer = () =>
    new Promise((resolve, reject) => {
      const died = (/** @type {number | null} */ code) =>
        reject(new Error(`${file} ${args.join(' ')} ended (${code})`));
      child.once('exit', died);
      child.once('message', (/** @type {{ error?: string }} */ message) => {
        child.off('exit', died);
        if (message.error === undefined) resolve(message);
        else reject(new Error(`${file}: ${message.error}`));
      });
    });
  const first = await answer();
  return {
    processId: child.pid ?? 0,
    first,
    ask(question) {
      const answered = answer();
      child.send(question);
      return answered;
    },
    end() {
      if (child.connected) child.disconnect();
    },
  };
}
