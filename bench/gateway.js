/**
 * The gateway over memory, first and replayed, beside the same gateway forwarding requests
 * without a key to the same service: what the protection costs, not what a proxy costs.
 */
import { startGateway } from '../packages/cli/dist/demo/gateway-process.js';
import { httpFigure, playHttp } from './harness/http.js';
import { startChild } from './harness/process.js';

/**
 * @param {boolean} quick
 * @returns {Promise<import('./harness/report.js').Figure[]>}
 */
export async function gateway(quick) {
  const upstream = await startChild('servers/node.js', ['bare']);
  const ends = new AbortController();
  const start = () => {
    const flags = ['--upstream', `http://127.0.0.1:${upstream.first.port}`, '--store', 'memory:'];
    return startGateway(flags, ends.signal);
  };
  try {
    // Firsts fill their own gateway's memory; replays meet a small one.
    const [plain, first, replay] = [await start(), await start(), await start()];
    const contenders = [
      { ...plain, name: 'forwarding', keys: /** @type {const} */ ('none') },
      { ...first, name: 'first', keys: /** @type {const} */ ('fresh') },
      { ...replay, name: 'replay', keys: /** @type {const} */ ('repeat') },
    ];
    const played = await playHttp('gateway', contenders, quick);
    const [name, baseline] = ['gateway-memory', 'forwarding'];
    return [
      httpFigure(played, { name, metric: 'first', contender: 'first', baseline, goal: 0.75 }),
      httpFigure(played, { name, metric: 'replay', contender: 'replay', baseline, goal: 1.5 }),
    ];
  } finally {
    ends.abort();
    upstream.end();
  }
}
