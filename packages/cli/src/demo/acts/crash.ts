/**
 * Acts 4 and 5: a gateway dies in the middle (kill -9), comes back, and the till retries.
 * The two policies side by side, each where it is right: `rerun` where the order had not
 * reached the API, `hold` where it had and nobody could know (I8).
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expectEqual, type ActFacts, type Expectation, type Narrator } from '../narrator.ts';
import type { Stage } from '../stage.ts';
import type { Order, Reply } from '../till.ts';

/** A crash and what came after it. */
interface Aftermath {
  readonly lost: Reply | null;
  /** The first answer of the restarted gateway. */
  readonly told: Reply | null;
  /** The first answer that was not `in progress`. */
  readonly last: Reply | null;
  /** From the kill to that answer. */
  readonly settledAfterMs: number;
  /** What one more retry got. */
  readonly again: Reply | null;
}

const retryAfterMs = 1000;
const patienceMs = 10_000;

/** Kills a gateway whose request is still on its way; the retry is taken over and runs. */
export async function crashRerun(stage: Stage, narrator: Narrator): Promise<ActFacts> {
  const order: Order = { order: 'order-1004', amount: 8000, currency: 'EUR' };
  const seen = await crash(stage, narrator, order, 'hold-request', []);
  narrator.say(
    'What is known: the owner went silent and never said how it went. Here the order had not reached the API, so running it again charged once. Had the API charged before the crash, --abandoned rerun would have charged twice: it is for work that may run again.',
  );
  return {
    facts: { told: seen.told?.code ?? null, settledAfterMs: seen.settledAfterMs, leaseMs: stage.leaseMs },
    expectations: [
      ...lostAndTold(seen),
      expectEqual('after the lease the retry took over and charged', seen.last?.status ?? null, 201),
      expectEqual('the next retry got the same bytes', seen.again?.body ?? null, seen.last?.body ?? ''),
      expectEqual('one charge', stage.api.chargesOf(order.order), 1),
    ],
  };
}

/** Kills a gateway when the API has charged and the reply is on its way; the key is held for an operator. */
export async function crashHold(stage: Stage, narrator: Narrator): Promise<ActFacts> {
  const order: Order = { order: 'order-1005', amount: 8000, currency: 'EUR' };
  const seen = await crash(stage, narrator, order, 'hold-reply', ['--abandoned', 'hold']);
  narrator.say(
    'The gateway does not know whether the API charged (it had), and says so. Every retry is told the same, and nothing runs, until an operator has looked and decided: run again, or this was the outcome.',
  );
  const unknown = 'idempotency_outcome_unknown';
  return {
    facts: { told: seen.told?.code ?? null, settledAfterMs: seen.settledAfterMs, leaseMs: stage.leaseMs },
    expectations: [
      ...lostAndTold(seen),
      expectEqual('after the lease it was told that the outcome is unknown', seen.last?.code ?? null, unknown),
      expectEqual('and so was the next', seen.again?.code ?? null, unknown),
      expectEqual('one charge, the one before the crash', stage.api.chargesOf(order.order), 1),
    ],
  };
}

/** What both acts begin with, whatever the policy is. */
function lostAndTold({ lost, told }: Aftermath): Expectation[] {
  return [
    expectEqual('the till lost its connection', lost === null ? 'lost' : lost.status, 'lost'),
    expectEqual('its retry was told that the first may still run', told?.code ?? null, 'idempotency_in_progress'),
  ];
}

async function crash(
  stage: Stage,
  narrator: Narrator,
  order: Order,
  trouble: 'hold-request' | 'hold-reply',
  flags: readonly string[],
): Promise<Aftermath> {
  const { farLink, till } = stage;
  const doomed = await stage.addGateway(...flags);
  const what = `${order.order}, 80.00 EUR`;
  const struck = farLink.strike(trouble);
  const answer = till.send(doomed.url, order.order, order);
  await struck;
  const killed = performance.now();
  await doomed.kill();
  const lost = await answer;
  narrator.exchange(what, lost);
  narrator.note(`kill -9 ${doomed.processId}; started again, while its lease of ${stage.leaseMs / 1000} s runs on`);
  const reborn = await stage.addGateway(...flags);
  const send = async (): Promise<Reply | null> => {
    const reply = await till.send(reborn.url, order.order, order);
    narrator.exchange(what, reply);
    return reply;
  };
  const told = await send();
  let last = told;
  while (last?.code === 'idempotency_in_progress' && performance.now() - killed < patienceMs) {
    await countDown(narrator, killed, stage.leaseMs);
    last = await send();
  }
  const settledAfterMs = Math.round(performance.now() - killed);
  const again = await send();
  await reborn.stop();
  return { lost, told, last, settledAfterMs, again };
}

/** Waits as long as Retry-After says, showing what is left of the lease. */
async function countDown(narrator: Narrator, killed: number, leaseMs: number): Promise<void> {
  const meter = narrator.meter();
  const until = performance.now() + retryAfterMs;
  while (performance.now() < until) {
    const leftMs = Math.max(0, killed + leaseMs - performance.now());
    meter.at(leftMs / leaseMs, leftMs > 0 ? `lease: ${(leftMs / 1000).toFixed(1)} s left` : 'the lease is over');
    await sleep(Math.min(100, Math.max(1, until - performance.now())));
  }
  meter.end();
}
