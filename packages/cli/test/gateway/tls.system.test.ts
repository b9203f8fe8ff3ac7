/** An upstream behind TLS: forwarded to when Node trusts its certificate; else nothing is sent, and the key stays free. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { untilOver } from '../support/until-over.ts';
import { ask } from '../support/wire.ts';

const folder = mkdtempSync(join(tmpdir(), 'oncekey-tls-'));
const [keyPath, certificatePath] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
const request = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
let server: Server;
let calls = 0;

beforeAll(async () => {
  const output = ['-keyout', keyPath, '-out', certificatePath];
  execFileSync('openssl', ['req', '-x509', ...request, ...subject, ...output], { stdio: 'pipe' });
  const secrets = { key: readFileSync(keyPath), cert: readFileSync(certificatePath) };
  server = createServer(secrets, (_request, response) => response.writeHead(201).end(`order ${++calls}`));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

async function gatewayTrusting(environment: Readonly<Record<string, string>>): Promise<GatewayProcess> {
  const upstream = `https://localhost:${(server.address() as AddressInfo).port}`;
  return untilOver(await startGateway(['--upstream', upstream, '--store', 'memory:'], environment));
}

const headers = [
  ['Idempotency-Key', 'k'],
  ['Authorization', 'me'],
] as const;

test('one whose certificate is trusted is asked once, and replayed', async () => {
  const { port } = await gatewayTrusting({ NODE_EXTRA_CA_CERTS: certificatePath });
  const first = await ask(port, 'POST', '/', headers, 'x');
  expect([first.status, first.body.toString()]).toEqual([201, 'order 1']);
  const repeat = await ask(port, 'POST', '/', headers, 'x');
  expect([repeat.status, repeat.body.toString(), repeat.header('idempotent-replayed')]).toEqual([
    201,
    'order 1',
    ['true'],
  ]);
  expect(calls).toBe(1);
});

test('one that nobody vouches for gets nothing: 502, released', async () => {
  const before = calls;
  const { port } = await gatewayTrusting({});
  for (let round = 0; round < 2; round += 1) {
    // oxlint-disable-next-line no-await-in-loop -- the second must not meet the first's lease
    const answer = await ask(port, 'POST', '/', headers, 'x');
    expect(answer.status).toBe(502);
    expect(JSON.parse(answer.body.toString())).toMatchObject({ code: 'upstream_unreachable', retryable: true });
  }
  expect(calls).toBe(before);
});
