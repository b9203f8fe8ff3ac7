/** Plain `curl` with `--retry` and a key, in front of the gateway: what people try first. */
import { execFile } from 'node:child_process';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startLink, type Link } from '../../src/demo/link.ts';
import { startChargesService, type ChargesService } from './charges-service.ts';
import { openSetting, type Setting } from './setting.ts';

let setting: Setting;
let service: ChargesService;
let link: Link;

beforeEach(async () => {
  setting = openSetting();
  service = setting.keep(await startChargesService());
  const gateway = await setting.gateway(service.url);
  link = setting.keep(await startLink(gateway.port));
});

afterEach(() => setting.close());

/** Head and body as curl printed them, one part a try. */
function curl(...flags: string[]): Promise<string> {
  const all = ['-sS', '-i', '-H', 'Authorization: Bearer curl', ...flags, `${link.url}/v1/charges`];
  return new Promise((resolve, reject) => {
    execFile('curl', all, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });
}

const charge = ['-d', 'amount=4200&currency=eur&description=curl'];
const retries = ['--retry', '5', '--retry-delay', '1', '--retry-all-errors'];

test('a reply lost after charging: --retry gets the answer of the one charge', async () => {
  const struck = link.strike('lose-reply');
  const printed = await curl('-H', 'Idempotency-Key: "k1"', ...charge, ...retries);
  await struck;
  expect(service.charged).toEqual(['curl']);
  expect(printed).toContain('HTTP/1.1 200 OK');
  expect(printed).toMatch(/^idempotent-replayed: true\r$/im);
  expect(printed).toContain('"id":"ch_000001"');
});

test('a quoted key and the same key bare are one', async () => {
  const first = await curl('-H', 'Idempotency-Key: "k2"', ...charge);
  const second = await curl('-H', 'Idempotency-Key: k2', ...charge);
  expect(first).not.toMatch(/^idempotent-replayed:/im);
  expect(second).toMatch(/^idempotent-replayed: true\r$/im);
  expect(service.requests).toBe(1);
});

test('in flight: refused with Retry-After, and --fail --retry waits it out', async () => {
  const open = service.hold();
  const arrived = service.arrival();
  const first = curl('-H', 'Idempotency-Key: k3', ...charge);
  await arrived;
  const refused = await curl('-H', 'Idempotency-Key: k3', ...charge);
  expect(refused).toContain('HTTP/1.1 409');
  expect(refused).toMatch(/^retry-after: 1\r$/im);
  expect(refused).toContain('idempotency_in_progress');
  const patient = curl('-H', 'Idempotency-Key: k3', ...charge, ...retries, '--fail');
  open();
  expect(await patient).toContain('"id":"ch_000001"');
  expect(await first).toContain('"id":"ch_000001"');
  expect(service.requests).toBe(1);
});

test('another body under a used key is refused with 422', async () => {
  await curl('-H', 'Idempotency-Key: k4', ...charge);
  const refused = await curl('-H', 'Idempotency-Key: k4', '-d', 'amount=1&currency=eur&description=other');
  expect(refused).toContain('HTTP/1.1 422');
  expect(refused).toContain('idempotency_key_reused');
  expect(service.charged).toEqual(['curl']);
});

test('an unusable key is refused before anything is forwarded; without a key every request runs', async () => {
  const refused = await curl('-H', 'Idempotency-Key: a b', ...charge);
  expect(refused).toContain('HTTP/1.1 400');
  expect(service.requests).toBe(0);
  await curl(...charge);
  await curl(...charge);
  expect(service.requests).toBe(2);
});
