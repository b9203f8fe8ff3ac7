/**
 * Load around one fault of a server: charges run in lanes until the fault has happened, and afterwards every
 * key is asked for again. What the answers mean is judged by whoever made the fault.
 */
import { scheduler } from 'node:timers/promises';
import type { ChargeAnswer, ChargeAsk, Charges } from './charge.ts';

let rounds = 0;

/** Charges fresh keys in `lanes`, each until its first answer that is no execution, while `fault` happens, which may look at the answers; first answers by key. */
export async function loadAround(
  charges: Charges,
  { lanes, ...ask }: Omit<ChargeAsk, 'key'> & { readonly lanes: number },
  fault: (answers: ReadonlyMap<string, ChargeAnswer>) => Promise<void>,
): Promise<Map<string, ChargeAnswer>> {
  const answers = new Map<string, ChargeAnswer>();
  const round = `load-${process.pid}-${rounds++}`;
  let over = false;
  const running = Array.from({ length: lanes }, async (_, lane) => {
    for (let count = 0; !over; count++) {
      const key = `${round}-${lane}-${count}`;
      const answer = await charges.charge({ ...ask, key });
      answers.set(key, answer);
      if (answer.kind !== 'executed') return;
    }
  });
  await fault(answers);
  over = true;
  await Promise.all(running);
  return answers;
}

/** Asks until there is no refusal: the server serves again, and the lease of whoever was cut off is over. */
export async function askUntilServed(charges: Charges, ask: ChargeAsk, patienceMs = 20_000): Promise<ChargeAnswer> {
  const endMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await charges.charge({ ...ask, inProgress: 'reject' });
    if (answer.kind !== 'refused' || performance.now() > endMs) return answer;
    await scheduler.wait(answer.retryAfterMs === null ? 20 : Math.min(answer.retryAfterMs, 50));
  }
}
