/**
 * The gateway's surface from outside: every wrong flag ends with exit code 2 and one line
 * that names it, nothing listens; flag over environment over config file over profile.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runProgram, startGateway } from '../support/program.ts';
import { startUpstream, type Upstream } from '../support/upstream.ts';
import { ask } from '../support/wire.ts';

let folder: string;
let upstream: Upstream;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'oncekey-flags-'));
  upstream = await startUpstream((_call, response) => void response.writeHead(200).end('done'));
});

afterAll(async () => {
  await upstream.close();
  rmSync(folder, { recursive: true, force: true });
});

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const url = 'http://127.0.0.1:9';

/** Arguments, environment, and what the one line must say. */
const wrong: readonly [args: string[], says: RegExp, environment?: Record<string, string>][] = [
  [[], /--upstream URL is required/],
  [['--upstream', 'ftp://x'], /--upstream: "ftp:\/\/x"/],
  [['--upstream', 'nonsense'], /--upstream/],
  [['--upstream', `${url}/base`], /--upstream.*path/],
  [['--upstream', 'http://u:secret@127.0.0.1'], /--upstream: (?!.*secret)/],
  [['--upstream', url, '--nonsense', '1'], /unknown option '--nonsense'/],
  [['--upstream', url, 'extra'], /too many arguments/],
  [['--upstream'], /--upstream.*argument missing/],
  [['--upstream', url, '--listen', '8080'], /--listen/],
  [['--upstream', url, '--listen', '127.0.0.1:99999'], /--listen/],
  [['--upstream', url, '--listen', '203.0.113.7:0', '--store', 'memory:'], /--listen: cannot listen/],
  [['--upstream', url, '--profile', 'safest'], /--profile: "safest".*stripe/],
  [['--upstream', url, '--scope-header', 'a b'], /--scope-header: "a b"/],
  [['--upstream', url, '--scope-jwt', 'sub'], /--scope-jwt needs --jwks/],
  [['--upstream', url, '--jwks', 'x'], /--jwks needs --scope-jwt/],
  [['--upstream', url, '--scope-jwt', 'sub', '--jwks', '/nowhere/jwks.json'], /--jwks: .*ENOENT/],
  [['--upstream', url, '--scope-jwt', 'iss,,sub', '--jwks', 'x'], /--scope-jwt: "iss,,sub"/],
  [['--upstream', url, '--scope-jwt', 'sub', '--jwks', 'x', '--scope-header', 'a'], /cannot be combined/],
  [['--upstream', url, '--no-scope', 'maybe'], /--no-scope: "maybe".*reject, public/],
  [['--upstream', url, '--methods', 'POST,GET'], /--methods: "GET"/],
  [['--upstream', url, '--methods', 'POST,,PUT'], /--methods/],
  [['--upstream', url, '--missing-key', 'x'], /--missing-key/],
  [['--upstream', url, '--invalid-key', 'x'], /--invalid-key/],
  [['--upstream', url, '--key-format', 'x'], /--key-format/],
  [['--upstream', url, '--max-key-length', '0'], /--max-key-length/],
  [['--upstream', url, '--in-progress', 'x'], /--in-progress/],
  [['--upstream', url, '--wait-ms', '-1'], /--wait-ms/],
  [['--upstream', url, '--abandoned', 'x'], /--abandoned/],
  [['--upstream', url, '--server-errors', 'x'], /--server-errors/],
  [['--upstream', url, '--lease-ms', '0'], /--lease-ms/],
  [['--upstream', url, '--lease-ms', '30s'], /--lease-ms: "30s"/],
  [['--upstream', url, '--retention-ms', '1.5'], /--retention-ms/],
  [['--upstream', url, '--max-request-bytes', '2MB'], /--max-request-bytes/],
  [['--upstream', url, '--max-response-bytes', ''], /--max-response-bytes/],
  [['--upstream', url, '--oversize', 'x'], /--oversize/],
  [['--upstream', url, '--store-down', 'x'], /--store-down/],
  [['--upstream', url, '--unrecorded', 'x'], /--unrecorded/],
  [['--upstream', url, '--store-timeout-ms', '0'], /--store-timeout-ms/],
  [['--upstream', url, '--replay-header', 'a:b'], /--replay-header/],
  [['--upstream', url, '--error-format', 'x'], /--error-format/],
  [['--upstream', url, '--cors-origin', 'shop.example'], /--cors-origin: "shop.example"/],
  [['--upstream', url, '--upstream-timeout-ms', '0'], /--upstream-timeout-ms/],
  [['--upstream', url, '--mode', 'x'], /--mode/],
  [['--upstream', url, '--inspector', '127.0.0.1:0'], /--inspector: .*not part of this version/],
  [['--upstream', url, '--inspector-token', 'x'], /--inspector-token: .*not part of this version/],
  [['--upstream', url, '--store', 'memory:', '--hot', 'memory:'], /--hot: "memory:" will not do; use redis/],
  [['--upstream', url, '--store', 'memory:', '--hot', 'redis://h:p:1'], /--hot: .*HOST:PORT/],
  [['--upstream', url, '--metrics', 'x'], /--metrics/],
  [['--upstream', url, '--store', 'nonsense'], /--store: "nonsense"/],
  [['--upstream', url, '--store', 'sqlite:'], /--store/],
  [['--upstream', url, '--store', 'json-file:'], /--store: "json-file:" will not do/],
  [['--upstream', url, '--store', 'json-file:/dev/null/x'], /--store: json-file:.* cannot serve: .*ENOTDIR/],
  [['--upstream', url, '--config', '/nowhere/config.json'], /--config: .*ENOENT/],
  [['--upstream', url], /ONCEKEY_LEASE_MS: "soon"/, { ONCEKEY_LEASE_MS: 'soon' }],
  [['--upstream', url], /ONCEKEY_ECHO_KEY: "perhaps"/, { ONCEKEY_ECHO_KEY: 'perhaps' }],
  [['--upstream', url], /ONCEKEY_LOG_LEVEL: "loud"/, { ONCEKEY_LOG_LEVEL: 'loud' }],
];

describe('what is wrong is told in one line, with exit code 2', () => {
  // Four processes at a time: starting one is most of the work.
  for (let start = 0; start < wrong.length; start += 4) {
    const batch = wrong.slice(start, start + 4);
    const names = batch.map(([args, , environment]) => [...args, ...Object.keys(environment ?? {})].join(' '));
    it.concurrent(`${names.join(' | ')}`, async () => {
      for (const [args, says, environment] of batch) {
        const { code, stdout, stderr } = await runProgram(['gateway', ...args], environment);
        expect({ args, code, stdout }).toEqual({ args, code: 2, stdout: '' });
        expect(stderr).toMatch(says);
        expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
      }
    });
  }

  it('names what is wrong in a config file', async () => {
    const cases: [string, RegExp][] = [
      ['{"lease-ms": 5, "leese-ms": 5}', /unknown setting "leese-ms"/],
      ['{"config": "x"}', /unknown setting "config"/],
      ['{"__proto__": {"upstream": "x"}}', /unknown setting "__proto__"/],
      ['{"lease-ms": "soon"}', /lease-ms in .*"soon"/],
      ['{"lease-ms": null}', /lease-ms in .*wanted/],
      ['{"methods": ["POST"]}', /methods in .*repeatable/],
      ['{"scope-header": []}', /scope-header in .*empty/],
      ['[]', /not a JSON object/],
      ['{', /cannot be read/],
    ];
    for (const [content, says] of cases) {
      const { code, stderr } = await runProgram([
        'gateway',
        '--upstream',
        url,
        '--config',
        file('wrong.json', content),
      ]);
      expect({ content, code }).toEqual({ content, code: 2 });
      expect(stderr).toMatch(says);
      expect(stderr).toMatch(/^oncekey: [^\n]+\n$/);
    }
  });

  it('says when the address is in use', async () => {
    const { code, stderr } = await runProgram([
      'gateway',
      '--upstream',
      url,
      '--store',
      'memory:',
      '--listen',
      `127.0.0.1:${upstream.port}`,
    ]);
    expect(code).toBe(2);
    expect(stderr).toMatch(/oncekey: --listen: cannot listen on .*EADDRINUSE/);
  });

  it('explains itself with --help', async () => {
    const { code, stdout } = await runProgram(['gateway', '--help']);
    expect(code).toBe(0);
    expect(stdout).toContain('Examples:');
    expect(stdout).toContain('--unrecorded <answer|break>');
  });
});

describe('who wins', () => {
  /** Which replay header is in force tells whose setting won. */
  async function replayHeader(flags: string[], environment: Record<string, string> = {}): Promise<string | undefined> {
    const gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:', ...flags], environment);
    try {
      const headers = [
        ['Idempotency-Key', 'k'],
        ['Authorization', 'me'],
      ] as const;
      await ask(gateway.port, 'POST', '/', headers, 'x');
      const replay = await ask(gateway.port, 'POST', '/', headers, 'x');
      return replay.lines.find(([, value]) => value === 'true')?.[0];
    } finally {
      await gateway.kill();
    }
  }

  it('flag over environment over config file over profile over default', async () => {
    const config = ['--config', file('right.json', '{"replay-header": "X-File", "profile": "offline-pos"}')];
    const environment = { ONCEKEY_REPLAY_HEADER: 'X-Environment' };
    expect(await replayHeader([])).toBe('Idempotent-Replayed');
    expect(await replayHeader(['--profile', 'offline-pos'])).toBe('Idempotent-Replay');
    expect(await replayHeader(config)).toBe('X-File');
    expect(await replayHeader(config, environment)).toBe('X-Environment');
    expect(await replayHeader([...config, '--replay-header', 'X-Flag'], environment)).toBe('X-Flag');
    expect(await replayHeader(['--replay-header', 'X-One', '--replay-header', 'X-Two'])).toBe('X-Two');
  });

  it('several scope headers make a list, from a file too, and any one missing is none', async () => {
    const config = file(
      'scope.json',
      '{"scope-header": ["x-tenant", "x-user"], "echo-key": true, "retention-ms": 60000}',
    );
    const gateway = await startGateway(['--upstream', upstream.url, '--store', 'memory:', '--config', config]);
    try {
      const key = ['Idempotency-Key', 'k'] as const;
      const both = [key, ['X-Tenant', 'a'], ['X-User', 'b']] as const;
      const first = await ask(gateway.port, 'POST', '/', both, 'x');
      expect(first.header('idempotency-key')).toEqual(['"k"']);
      expect(first.header('idempotency-retention')).toEqual(['60']);
      expect((await ask(gateway.port, 'POST', '/', both, 'x')).header('idempotent-replayed')).toEqual(['true']);
      expect((await ask(gateway.port, 'POST', '/', [key, ['X-Tenant', 'a']], 'x')).status).toBe(400);
      const other = [key, ['X-Tenant', 'a'], ['X-User', 'c']] as const;
      expect((await ask(gateway.port, 'POST', '/', other, 'x')).header('idempotent-replayed')).toEqual([]);
      expect((await ask(gateway.port, 'POST', '/', [key, ['X-Tenant', 'a'], ['X-User', ' ']], 'x')).status).toBe(400);
    } finally {
      await gateway.kill();
    }
  });
});
