/**
 * The contract is worth what it catches: each wrong choice planted here into a correct
 * entry must fail the case that is named, and a correct one does not (see the entries).
 */
import { describe, expect, test } from 'vitest';
import type { ProtocolOptions } from '../../src/http/options.ts';
import { httpContract, type HttpSetup, type OpenApp } from '../../src/testing/index.ts';
import { openNode } from '../http/apps/node.ts';

type Plant = (setup: HttpSetup) => Partial<HttpSetup>;

const choosing =
  (options: ProtocolOptions): Plant =>
  (setup) => ({ options: { ...setup.options, ...options } });

const plants: readonly (readonly [bug: string, plant: Plant, id: string])[] = [
  ['nothing is protected', choosing({ methods: [] }), 'body-text'],
  ['the marker has another name', choosing({ replayHeader: 'X-Other' }), 'body-text'],
  ['quotes are part of the key', choosing({ keyFormat: 'any' }), 'key-quoted-is-bare'],
  ['a bare key is refused', choosing({ keyFormat: 'strict' }), 'key-uuid'],
  ['an unusable key is ignored', choosing({ invalidKey: 'pass' }), 'key-refused-null'],
  ['long keys are cut off', choosing({ maxKeyLength: 254 }), 'key-longest'],
  ['the scope is forgotten', () => ({ scope: 'public' }), 'scope-isolates'],
  ['a missing scope is shared', choosing({ noScope: 'public' }), 'scope-missing-none'],
  ['the first request wins', choosing({ fingerprint: 'none' }), 'fingerprint-other-value'],
  ['JSON is compared by bytes', choosing({ fingerprint: 'exact' }), 'fingerprint-same-order'],
  ['large JSON is made canonical', choosing({ maxCanonicalBytes: 1e6 }), 'fingerprint-other-large-json'],
  ['a 429 is kept', choosing({ releasedStatuses: [] }), 'status-429-released'],
  ['a 404 is given back', choosing({ releasedStatuses: [404] }), 'status-404-stored'],
  ['a 500 is given back', choosing({ serverErrors: 'release' }), 'status-safe-500-stored'],
  ['a 503 is kept', choosing({ serverErrors: 'store' }), 'status-safe-503-released'],
  ['large answers are dropped', choosing({ maxResponseBytes: 10 }), 'body-random'],
  ['large requests are refused early', choosing({ maxRequestBytes: 999 }), 'size-request-at-cap'],
  ['large requests are taken', choosing({ maxRequestBytes: 1e6 }), 'size-request-over-cap'],
  ['tombstones are status-only', choosing({ oversize: 'status-only' }), 'size-answer-over-cap-whole'],
  ['duplicates are refused though they may wait', choosing({ inProgress: 'reject' }), 'waiting-waits'],
  ['a silent owner is held unasked', choosing({ abandoned: 'hold' }), 'lease-taken-over'],
  ['a silent owner is replaced though held', choosing({ abandoned: 'rerun' }), 'lease-held'],
  ['retention never ends', choosing({ retentionMs: null }), 'retention-over'],
  ['a store that is down is passed by', choosing({ storeDown: 'pass' }), 'store-claim-rejects'],
  ['an unrecorded answer breaks unasked', choosing({ unrecorded: 'break' }), 'store-complete-rejects'],
  ['faults of the store are not planted', () => ({ store: (inner) => inner }), 'lease-lost-unsent'],
  ['observing refuses', choosing({ mode: 'enforce' }), 'observe-never-refuses'],
  ['keys are echoed unasked', choosing({ echoKey: true }), 'header-no-echo'],
  ['every origin may read', choosing({ corsOrigins: ['*'] }), 'header-cors'],
  ['the work answers something else each time', differing, 'body-text'],
  ['an answer loses its last byte', shortened, 'body-random'],
];

function differing({ work }: HttpSetup): Partial<HttpSetup> {
  let count = 0;
  return { work: async (call) => ({ ...(await work(call)), body: Buffer.from(String(++count)) }) };
}

function shortened({ work }: HttpSetup): Partial<HttpSetup> {
  return {
    async work(call) {
      const reply = await work(call);
      return reply.body instanceof Uint8Array ? { ...reply, body: reply.body.subarray(1) } : reply;
    },
  };
}

describe('a planted bug is noticed', () => {
  test.concurrent.for(plants)('%s', async ([, plant, id]) => {
    const open: OpenApp = (setup) => openNode({ ...setup, ...plant(setup) });
    const planted = httpContract(open).find((one) => one.id === id);
    await expect(planted?.run()).rejects.toThrow(id);
  });
});

describe('the contract', () => {
  test('has stable ids, each once, and names that tell them apart', () => {
    const cases = httpContract(openNode);
    expect(cases.length).toBeGreaterThan(250);
    expect(new Set(cases.map(({ id }) => id)).size).toBe(cases.length);
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length);
    expect(cases.filter(({ id }) => !/^[a-z0-9_-]+$/.test(id))).toEqual([]);
  });

  test('skips with the reason given, and only what there is', async () => {
    const cases = httpContract(openNode, { lacks: { nesting: 'why' }, except: { 'key-uuid': 'because' } });
    const reasons = cases.filter(({ skip }) => skip !== undefined).map(({ id, skip }) => [id, skip]);
    expect(reasons).toEqual([
      ['key-uuid', 'because'],
      ['request-nested', 'why'],
    ]);
    expect(await cases.find(({ id }) => id === 'key-uuid')?.run()).toEqual({ kind: 'skipped', reason: 'because' });
    expect(() => httpContract(openNode, { except: { nothing: 'x' } })).toThrow(/"nothing"/);
  });
});
