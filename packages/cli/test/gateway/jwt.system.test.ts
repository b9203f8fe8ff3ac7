/**
 * Scope from a verified JWT: a refreshed token is the same customer, an unverified one is
 * nobody (I7), and when the keys cannot be had nothing is guessed.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWTPayload } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startGateway, type GatewayProcess } from '../support/program.ts';
import { deadPort, startServer, startUpstream, type Upstream } from '../support/upstream.ts';
import { ask, type WireAnswer } from '../support/wire.ts';

let folder: string;
let upstream: Upstream;
let gateway: GatewayProcess;
let ours: CryptoKey;
let foreign: CryptoKey;
let jwks: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oncekey-jwt-'));
  upstream = await startUpstream();
  const pair = await generateKeyPair('ES256');
  ours = pair.privateKey;
  foreign = (await generateKeyPair('ES256')).privateKey;
  jwks = JSON.stringify({ keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'one', alg: 'ES256' }] });
  const file = join(folder, 'jwks.json');
  writeFileSync(file, jwks);
  gateway = await startGateway([
    '--upstream',
    upstream.url,
    '--store',
    'memory:',
    '--scope-jwt',
    'iss,sub',
    '--jwks',
    file,
  ]);
});

afterAll(async () => {
  await gateway.kill();
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

function sign(claims: JWTPayload, key: CryptoKey = ours, expires = '1h'): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', kid: 'one' })
    .setIssuedAt()
    .setExpirationTime(expires)
    .sign(key);
}

function post(port: number, key: string, authorization: string): Promise<WireAnswer> {
  return ask(
    port,
    'POST',
    '/',
    [
      ['Idempotency-Key', key],
      ['Authorization', authorization],
    ],
    'x',
  );
}

describe('--scope-jwt', () => {
  it('takes a refreshed token for the same customer, and another subject for another', async () => {
    const alice = { iss: 'https://id.example', sub: 'alice' };
    await post(gateway.port, 'one', `Bearer ${await sign({ ...alice, jti: '1' })}`);
    const refreshed = await post(gateway.port, 'one', `bearer ${await sign({ ...alice, jti: '2' })}`);
    expect(refreshed.header('idempotent-replayed')).toEqual(['true']);
    const bob = await post(gateway.port, 'one', `Bearer ${await sign({ ...alice, sub: 'bob' })}`);
    expect([bob.status, bob.header('idempotent-replayed')]).toEqual([201, []]);
  });

  it('knows nobody in a token that is forged, expired, unsigned, without a claim, or none at all', async () => {
    const alice = { iss: 'https://id.example', sub: 'alice' };
    const claims = Buffer.from(JSON.stringify(alice)).toString('base64url');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    const bad = [
      `Bearer ${await sign(alice, foreign)}`,
      `Bearer ${await sign(alice, ours, '-1m')}`,
      `Bearer ${unsigned}`,
      `Bearer ${await sign({ iss: 'https://id.example' })}`,
      `Bearer ${await sign({ iss: 'https://id.example', sub: '  ' })}`,
      'Bearer nonsense',
      'Basic YTpi',
      '',
    ];
    const before = upstream.heads();
    for (const authorization of bad) {
      const answer = await post(gateway.port, 'two', authorization);
      expect([authorization.slice(0, 10), answer.status]).toEqual([authorization.slice(0, 10), 400]);
      expect(answer.body.toString()).toContain('idempotency_scope_missing');
    }
    expect(upstream.heads()).toBe(before);
  });

  it('fetches the keys from a URL; when they cannot be had it answers 503 and runs nothing', async () => {
    const keys = await startServer(
      (_request, response) => void response.setHeader('Content-Type', 'application/json').end(jwks),
    );
    const flags = ['--upstream', upstream.url, '--store', 'memory:', '--scope-jwt', 'sub', '--jwks'];
    const remote = await startGateway([...flags, `${keys.url}/jwks.json`]);
    const dead = await startGateway([...flags, `http://127.0.0.1:${await deadPort()}/jwks.json`]);
    try {
      const token = `Bearer ${await sign({ sub: 'alice' })}`;
      expect((await post(remote.port, 'three', token)).status).toBe(201);
      const before = upstream.heads();
      const answer = await post(dead.port, 'three', token);
      expect([answer.status, answer.header('retry-after')]).toEqual([503, ['1']]);
      expect(answer.body.toString()).toContain('scope_unavailable');
      expect(upstream.heads()).toBe(before);
    } finally {
      await Promise.all([remote.kill(), dead.kill(), keys.close()]);
    }
  });

  it('warns once when a JWT is scoped by its text', async () => {
    const plain = await startGateway(['--upstream', upstream.url, '--store', 'memory:']);
    try {
      const token = `Bearer ${await sign({ sub: 'alice' })}`;
      await post(plain.port, 'four', 'Bearer opaque-token');
      expect(plain.log().filter(({ event }) => event === 'jwt-scope')).toHaveLength(0);
      await post(plain.port, 'four', token);
      await post(plain.port, 'five', token);
      await plain.logged('jwt-scope');
      expect(plain.log().filter(({ event }) => event === 'jwt-scope')).toHaveLength(1);
    } finally {
      await plain.kill();
    }
  });
});
