/** 500 parallel duplicates over four gateway processes on one SQLite file: the service runs once (I1, I4, I17). */
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { GatewayProcess } from '../../src/demo/gateway-process.ts';
import { startChargesService, type ChargesService } from './charges-service.ts';
import { postCharge, type Reply } from './post-charge.ts';
import { openSetting, type Setting } from './setting.ts';

const duplicates = 500;
let setting: Setting;
let service: ChargesService;

beforeEach(async () => {
  setting = openSetting();
  service = setting.keep(await startChargesService());
});

afterEach(() => setting.close());

async function fourGateways(...flags: string[]): Promise<GatewayProcess[]> {
  const gateways: GatewayProcess[] = [];
  for (let index = 0; index < 4; index += 1) gateways.push(await setting.gateway(service.url, ...flags));
  return gateways;
}

function storm(gateways: readonly GatewayProcess[], seen: (reply: Reply) => void): Promise<Reply[]> {
  return Promise.all(
    Array.from({ length: duplicates }, async (_, index) => {
      const reply = await postCharge(gateways[index % gateways.length]?.port ?? 0, 'storm', 'storm');
      seen(reply);
      return reply;
    }),
  );
}

test('refusing duplicates: everyone gets the answer or "in progress", and the answer is one', async () => {
  const gateways = await fourGateways();
  const open = service.hold();
  const replies = await storm(gateways, (reply) => {
    if (reply?.status === 409) open();
  });
  const answered = replies.filter((reply) => reply?.status === 200);
  const told = replies.filter((reply) => reply?.status === 409 && reply.body.includes('idempotency_in_progress'));
  process.stdout.write(`storm: ${answered.length} answered, ${told.length} told in progress\n`);
  expect(answered.length + told.length).toBe(duplicates);
  expect(answered.filter((reply) => reply?.replayed === false).length).toBe(1);
  expect(new Set(answered.map((reply) => reply?.body)).size).toBe(1);
  expect(service.requests).toBe(1);
});

test('waiting: all 500 get the same answer', async () => {
  const gateways = await fourGateways('--in-progress', 'wait', '--wait-ms', '30000');
  const open = service.hold();
  const arrived = service.arrival();
  const replies = storm(gateways, () => {});
  await arrived;
  open();
  const bodies = (await replies).map((reply) => `${reply?.status} ${reply?.body}`);
  expect(new Set(bodies).size).toBe(1);
  expect(bodies[0]).toMatch(/^200 .*"id":"ch_000001"/);
  expect(service.requests).toBe(1);
});
