/**
 * A gateway killed (kill -9) twenty times in the middle of its work. After the last kill
 * every key is completed or can be claimed within lease + 1 s (I10); an answer that a
 * client has seen is the answer for ever (I5); nothing runs twice but what a takeover runs.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startChargesService, type ChargesService } from './charges-service.ts';
import { postCharge, type Reply } from './post-charge.ts';
import { openSetting, type Setting } from './setting.ts';

const rounds = 20;
const keysARound = 8;
const leaseMs = 1000;
let setting: Setting;
let service: ChargesService;

beforeEach(async () => {
  setting = openSetting();
  service = setting.keep(await startChargesService(20));
});

afterEach(() => setting.close());

/** Numbers from 0 to 1 by a seed (mulberry32). */
function randomBy(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Resolves `done` when `one` has been called `count` times. */
function countdown(count: number): { one: () => void; done: Promise<void> } {
  let left = count;
  let finish = (): void => {};
  const done = new Promise<void>((resolve) => (finish = resolve));
  if (count === 0) finish();
  const one = (): void => {
    left -= 1;
    if (left === 0) finish();
  };
  return { one, done };
}

function violationsOf(key: string, before: Reply, after: Reply, newCharges: number, charges: number): string[] {
  const found: string[] = [];
  if (after?.status !== 200) found.push(`${key} is neither completed nor claimable: ${after?.status} ${after?.body}`);
  if (before !== null && !(after?.replayed === true && after.body === before.body)) {
    found.push(`${key} was answered ${before.status} ${before.body} and now ${after?.body}`);
  }
  if (newCharges !== (after?.replayed === true ? 0 : 1))
    found.push(`${key} was charged ${newCharges} times at the end`);
  if (charges > 2) found.push(`${key} was charged ${charges} times with one kill`);
  return found;
}

test('killed in a loop: afterwards every key is completed or claimable', { timeout: 120_000 }, async () => {
  const seed = Number(process.env['ONCEKEY_SEED'] ?? Date.now() % 1_000_000);
  process.stdout.write(`kill: ONCEKEY_SEED=${seed}\n`);
  const random = randomBy(seed);
  const seen = new Map<string, Reply>();
  for (let round = 0; round < rounds; round += 1) {
    const gateway = await setting.gateway(service.url, '--lease-ms', String(leaseMs));
    const answered = countdown(Math.floor(random() * keysARound));
    const arrived = service.arrival();
    const sent = Array.from({ length: keysARound }, async (_, index) => {
      await sleep(random() * 60);
      const key = `round-${round}-${index}`;
      seen.set(key, await postCharge(gateway.port, key, key));
      answered.one();
    });
    // By what has happened and not by the clock, so that a slow machine sees every kind of kill as well.
    await arrived;
    await answered.done;
    await gateway.kill();
    await Promise.all(sent);
  }
  await sleep(leaseMs + 1000);
  const chargedBefore = new Map([...seen.keys()].map((key) => [key, service.timesCharged(key)]));
  const survivor = await setting.gateway(service.url, '--lease-ms', String(leaseMs));
  const counts = { answeredBefore: 0, replayed: 0, ran: 0, chargedTwice: 0 };
  const violations: string[] = [];
  for (const [key, before] of seen) {
    const after = await postCharge(survivor.port, key, key);
    if (before !== null) counts.answeredBefore += 1;
    counts[after?.replayed === true ? 'replayed' : 'ran'] += 1;
    if (service.timesCharged(key) > 1) counts.chargedTwice += 1;
    const newCharges = service.timesCharged(key) - (chargedBefore.get(key) ?? 0);
    violations.push(...violationsOf(key, before, after, newCharges, service.timesCharged(key)));
  }
  process.stdout.write(`kill: ${seen.size} keys over ${rounds} kills: ${JSON.stringify(counts)}\n`);
  expect(violations).toEqual([]);
  expect(seen.size).toBe(rounds * keysARound);
});
