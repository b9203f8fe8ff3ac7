/**
 * Child processes of a benchmark: started, asked one question at a time over their
 * message channel, and ended with the benchmark whatever happens to it.
 */
import { fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

/**
 * Processor time that a process has used, in microseconds; NaN where there is no /proc. Where neighbours take turns on
 * the cores it says more than a rate.
 * @param {number} processId
 */
export function cpuUsOf(processId) {
  return timesOf(processId).own;
}

/**
 * The same of a server that is several processes: it, those that it has started and those of them that have ended.
 * @param {number} processId
 */
export function cpuUsOfFamily(processId) {
  const { own, ofEnded } = timesOf(processId);
  const children = childrenOf(processId).map(cpuUsOfFamily);
  // What has ended since it was listed is in `ofEnded` the next time.
  return children.filter((us) => !Number.isNaN(us)).reduce((sum, us) => sum + us, own + ofEnded);
}

/** @param {number} processId */
function timesOf(processId) {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // Fields 14 to 17 of proc(5), in clock ticks of 10 ms.
    const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
    return { own: (user + system) * 10_000, ofEnded: (endedUser + endedSystem) * 10_000 };
  } catch {
    return { own: Number.NaN, ofEnded: Number.NaN };
  }
}

/**
 * @param {number} processId
 * @returns {number[]}
 */
function childrenOf(processId) {
  try {
    const text = readFileSync(`/proc/${processId}/task/${processId}/children`, 'latin1');
    return text.split(' ').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}
