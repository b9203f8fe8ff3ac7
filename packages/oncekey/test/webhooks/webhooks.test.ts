/**
 * Deliveries of every provider over the memory store: what is believed, what runs, what is
 * answered, and that nothing is claimed for what is not signed.
 */
import { describe, expect, test, vi } from 'vitest';
import { createOnce, memory, type Store } from '../../src/index.ts';
import { github, shopify, standardWebhooks, stripe, webhooks } from '../../src/webhooks/index.ts';
import type { Provider, WebhookEvent, WebhookNews, WebhookOptions } from '../../src/webhooks/index.ts';
import { eventBody, senders, type Sender, type Wrong } from './senders.ts';

interface Desk {
  readonly store: Store;
  readonly events: WebhookEvent[];
  readonly news: WebhookNews[];
  send(body: string, headers: Record<string, string>): Promise<Response>;
  deliver(body: string, wrong?: Wrong): Promise<Response>;
}

function desk(sender: Sender, options: Partial<WebhookOptions> = {}): Desk {
  const store = options.store ?? memory();
  const events: WebhookEvent[] = [];
  const news: WebhookNews[] = [];
  const receiver = webhooks({
    provider: sender.provider(),
    secret: sender.secret,
    endpoint: 'billing',
    store,
    handle: (event) => void events.push(event),
    onEvent: (one) => news.push(one),
    ...options,
  });
  const send: Desk['send'] = (body, headers) =>
    receiver.fetch(new Request('https://shop.example/hooks', { method: 'POST', body, headers }));
  return { store, events, news, send, deliver: async (body, wrong) => send(body, await sender.sign(body, wrong)) };
}

async function recordsOf(store: Store): Promise<number> {
  const page = await store.list?.({ limit: 10 });
  return page?.records.length ?? Number.NaN;
}

describe.each(senders)('$name', (sender) => {
  test('an event is handled once, however often it is delivered', async () => {
    const { store, events, deliver } = desk(sender);
    const body = eventBody('evt_1');
    const answers = [await deliver(body), await deliver(body), await deliver(body)];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(events).toMatchObject([{ payload: { id: 'evt_1' } }]);
    expect(Buffer.from(events[0]?.body ?? []).toString()).toBe(body);
    const page = await store.list?.({ limit: 10 });
    expect(page?.records).toMatchObject([
      { state: 'completed', labels: { scope: [sender.name, 'billing'], operation: `webhook.${sender.name}` } },
    ]);
    const weekMs = 7 * 24 * 3600 * 1000;
    expect(page?.records[0]?.retentionLeftMs).toBeGreaterThan(weekMs - 60_000);
    expect(page?.records[0]?.retentionLeftMs).toBeLessThanOrEqual(weekMs);
  });

  test('other events and other endpoints are others', async () => {
    const { store, events, deliver } = desk(sender);
    const other = desk(sender, { store, endpoint: 'mail' });
    await deliver(eventBody('evt_1'));
    await deliver(eventBody('evt_2'));
    await other.deliver(eventBody('evt_1'));
    expect([events.length, other.events.length]).toEqual([2, 1]);
  });

  test.each<[string, Wrong]>([
    ['another secret', { secret: sender.otherSecret }],
    ['no signature', { without: sender.signature }],
  ])('%s: refused, nothing claimed', async (_what, wrong) => {
    const { store, events, news, deliver } = desk(sender);
    const answer = await deliver(eventBody('evt_1'), wrong);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    expect(await answer.json()).toMatchObject({
      code: 'webhook_signature',
      detail: expect.stringContaining(sender.signature),
    });
    expect(news).toMatchObject([{ kind: 'refused', for: 'signature' }]);
    expect(events).toEqual([]);
    expect(await recordsOf(store)).toBe(0);
  });

  test.each([
    ['an empty body', '', {}],
    ['an empty signature', '{}', { [sender.signature]: '' }],
    ['a signature that is none', '{}', { [sender.signature]: 'v1=;,=' }],
  ])('%s: refused, nothing claimed', async (_what, body, over) => {
    const { store, send } = desk(sender);
    const answer = await send(body, { ...(await sender.sign('{}')), ...over });
    expect([400, 401]).toContain(answer.status);
    expect(await recordsOf(store)).toBe(0);
  });

  test('a changed body: refused, nothing claimed', async () => {
    const { store, send } = desk(sender);
    const headers = await sender.sign(eventBody('evt_1'));
    expect((await send(eventBody('evt_1', { amount: 1 }), headers)).status).toBe(401);
    expect((await send(eventBody('evt_1').replace('"id"', ' "id"'), headers)).status).toBe(401);
    expect(await recordsOf(store)).toBe(0);
  });

  test.runIf(sender.timed).each([-600_000, 600_000])('signed by a clock off by %i ms: refused', async (offMs) => {
    const { store, deliver } = desk(sender);
    const answer = await deliver(eventBody('evt_1'), { offMs });
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'webhook_timestamp',
      detail: expect.stringMatching(/(599|600|601) s (ago|ahead)/),
    });
    expect(await recordsOf(store)).toBe(0);
  });

  test('a replayed delivery, its unsigned headers changed, does not run again', async () => {
    const { events, send } = desk(sender);
    const body = eventBody('evt_1');
    const headers = await sender.sign(body);
    await send(body, headers);
    const unsigned = { 'x-github-delivery': 'other', 'x-shopify-webhook-id': 'other' };
    expect((await send(body, { ...headers, ...unsigned })).status).toBe(200);
    expect(events).toHaveLength(1);
  });

  test('a secret that is being replaced: both are taken', async () => {
    const { events, deliver } = desk(sender, { secret: [sender.otherSecret, sender.secret] });
    await deliver(eventBody('evt_1'));
    await deliver(eventBody('evt_2'), { secret: sender.otherSecret });
    expect(events).toHaveLength(2);
  });

  test('a signed body that is no JSON: refused, nothing claimed', async () => {
    const { store, deliver } = desk(sender);
    const answer = await deliver('not json');
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ code: 'webhook_payload' });
    expect(await recordsOf(store)).toBe(0);
  });

  test('while the first is handled: 503 with Retry-After; then 200', async () => {
    let finish: (() => void) | undefined;
    const { deliver } = desk(sender, { handle: () => new Promise<void>((resolve) => (finish = resolve)) });
    const body = eventBody('evt_1');
    const first = deliver(body);
    await vi.waitUntil(() => finish !== undefined);
    const second = await deliver(body);
    expect(second.status).toBe(503);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    finish?.();
    expect((await first).status).toBe(200);
    expect((await deliver(body)).status).toBe(200);
  });

  test('a handler that throws: 500, released, and the next delivery runs', async () => {
    let runs = 0;
    const { store, news, deliver } = desk(sender, {
      handle: () => {
        runs += 1;
        if (runs === 1) throw new Error('database on fire');
      },
    });
    const answer = await deliver(eventBody('evt_1'));
    expect(answer.status).toBe(500);
    expect(await answer.text()).not.toContain('on fire');
    expect(news).toMatchObject([{ kind: 'failed', error: { message: 'database on fire' } }]);
    expect(await recordsOf(store)).toBe(0);
    expect((await deliver(eventBody('evt_1'))).status).toBe(200);
    expect(runs).toBe(2);
  });
});

function senderOf(name: string): Sender {
  const found = senders.find((sender) => sender.name === name);
  if (found === undefined) throw new Error(name);
  return found;
}

describe('what each provider signs', () => {
  test('Standard Webhooks: a missing id is refused, and Svix names mean the same', async () => {
    const sender = senderOf('standard');
    const { store, events, send, deliver } = desk(sender);
    const missing = await deliver(eventBody('evt_1'), { without: 'webhook-id' });
    expect([missing.status, await recordsOf(store)]).toEqual([400, 0]);
    expect(await missing.json()).toMatchObject({ code: 'webhook_id', detail: expect.stringContaining('webhook-id') });
    const headers = Object.entries(await sender.sign(eventBody('evt_1')));
    await send(
      eventBody('evt_1'),
      Object.fromEntries(headers.map(([name, value]) => [name.replace('webhook', 'svix'), value])),
    );
    expect(events).toMatchObject([{ type: 'order.paid', id: expect.stringMatching(/^msg_/) }]);
  });

  test('Standard Webhooks: an id of another delivery does not pass', async () => {
    const sender = senderOf('standard');
    const { send } = desk(sender);
    const headers = await sender.sign(eventBody('evt_1'));
    expect((await send(eventBody('evt_1'), { ...headers, 'webhook-id': 'msg_other' })).status).toBe(401);
  });

  test('Stripe: the id inside the body is the key; one without is refused', async () => {
    const { events, store, deliver } = desk(senderOf('stripe'));
    await deliver(eventBody('evt_1'));
    expect(events).toMatchObject([{ id: 'evt_1', type: 'order.paid', deliveryId: 'evt_1' }]);
    expect((await deliver(JSON.stringify({ object: 'event', type: 'x' }))).status).toBe(400);
    expect(await recordsOf(store)).toBe(1);
  });

  test('Stripe: a thin event is refused as what it is, not as a bad signature', async () => {
    const { events, deliver } = desk(senderOf('stripe'), { secret: ['whsec_old', senderOf('stripe').secret] });
    const answer = await deliver(eventBody('evt_1', { object: 'v2.core.event' }));
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      code: 'webhook_payload',
      detail: expect.stringContaining('thin event'),
    });
    expect(events).toEqual([]);
  });

  test('Stripe: one id with another body is refused, not handled', async () => {
    const { events, deliver } = desk(senderOf('stripe'));
    await deliver(eventBody('evt_1'));
    expect((await deliver(eventBody('evt_1', { livemode: true }))).status).toBe(422);
    expect(events).toHaveLength(1);
  });

  test('GitHub: the event and its delivery are told', async () => {
    const { events, deliver } = desk(senderOf('github'));
    await deliver(eventBody('evt_1'));
    expect(events).toMatchObject([{ type: 'push', id: expect.stringMatching(/^sha256:[0-9a-f]{64}$/) }]);
    expect(events[0]?.deliveryId).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('Shopify: one body under two topics is two events, and a topic not listed is refused', async () => {
    const sender = senderOf('shopify');
    const { events, store, send } = desk(sender);
    const headers = await sender.sign(eventBody('evt_1'));
    await send(eventBody('evt_1'), headers);
    await send(eventBody('evt_1'), { ...headers, 'x-shopify-topic': 'orders/paid' });
    expect(events.map(({ type }) => type)).toEqual(['orders/create', 'orders/paid']);
    expect((await send(eventBody('evt_1'), { ...headers, 'x-shopify-topic': 'forged' })).status).toBe(400);
    expect(await recordsOf(store)).toBe(2);
  });

  test('a provider of one’s own, without a secret', async () => {
    const provider: Provider = {
      name: 'acme',
      secret: false,
      verify: ({ header, text }) =>
        header('x-acme-key') === 'public'
          ? { kind: 'verified', id: text, type: null, payload: text }
          : { kind: 'refused', for: 'signature', reason: 'not acme' },
    };
    const { events, store, send } = desk(senderOf('github'), { provider, secret: [] });
    await send('event-1', { 'x-acme-key': 'public' });
    expect((await send('event-2', {})).status).toBe(401);
    expect((await send(' padded', { 'x-acme-key': 'public' })).status).toBe(400);
    expect((await send('x'.repeat(256), { 'x-acme-key': 'public' })).status).toBe(400);
    expect(events).toMatchObject([{ id: 'event-1', type: null, deliveryId: null }]);
    expect(await recordsOf(store)).toBe(1);
  });
});

describe('a verdict that is none is not believed, and nothing is claimed', () => {
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['false', false],
    ['another kind', { kind: 'invalid', id: 'event-1', type: null, payload: {} }],
    ['an id that is a number', { kind: 'verified', id: 7, type: null, payload: {} }],
    ['no id', { kind: 'verified', type: null, payload: {} }],
    ['a delivery id that is a number', { kind: 'verified', id: 'event-1', type: null, payload: {}, deliveryId: 7 }],
    ['a refusal for nothing', { kind: 'refused' }],
    ['a refusal for something else', { kind: 'refused', for: 'mood', reason: 'bad' }],
  ])('%s', async (_what, verdict) => {
    const provider: Provider = { name: 'acme', secret: false, verify: () => verdict as never };
    const { events, store, send } = desk(senderOf('github'), { provider });
    await expect(send('{}', {})).rejects.toThrow(/verify of the provider acme gave no verdict/);
    expect([events.length, await recordsOf(store)]).toEqual([0, 0]);
  });
});

describe('limits and faults', () => {
  const sender = senderOf('github');

  test('a body over the limit: 413, nothing claimed', async () => {
    const { store, deliver, news } = desk(sender, { maxBodyBytes: 100 });
    expect((await deliver(eventBody('evt_1', { filler: 'x'.repeat(100) }))).status).toBe(413);
    expect(news).toMatchObject([{ kind: 'refused', for: 'too-large' }]);
    expect(await recordsOf(store)).toBe(0);
  });

  test('a body that is not UTF-8: refused', async () => {
    const receiver = webhooks({ provider: github(), secret: 's', endpoint: 'e', store: memory(), handle: () => 1 });
    const request = new Request('https://x.example/', { method: 'POST', body: Uint8Array.of(0xff, 0xfe) });
    expect((await receiver.fetch(request)).status).toBe(400);
  });

  test('another method: 405', async () => {
    const receiver = webhooks({ provider: github(), secret: 's', endpoint: 'e', store: memory(), handle: () => 1 });
    expect((await receiver.fetch(new Request('https://x.example/'))).status).toBe(405);
  });

  test('the store is down: 503, nothing runs', async () => {
    const down = (): never => {
      throw new Error('ECONNREFUSED');
    };
    const { events, deliver } = desk(sender, { store: { ...memory(), claim: down } });
    const answer = await deliver(eventBody('evt_1'));
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5']);
    expect(events).toEqual([]);
  });

  test('what a handler throws is a process warning where nobody listens', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const broken = new Error('on fire');
    const { deliver } = desk(sender, { onEvent: undefined as never, handle: () => Promise.reject(broken) });
    expect((await deliver(eventBody('evt_1'))).status).toBe(500);
    expect(warned).toHaveBeenCalledWith(broken);
    warned.mockRestore();
  });

  test.each<[string, unknown, string]>([
    ['nothing', undefined, 'undefined'],
    ['text', 'on fire', 'on fire'],
    ['an object', { reason: 'on fire' }, "{ reason: 'on fire' }"],
    ['an object that has no text', Object.create(null), '[Object: null prototype] {}'],
  ])('a handler that throws %s: 500, released, and a warning of it', async (_what, thrown, said) => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const { store, deliver } = desk(sender, { onEvent: undefined as never, handle: () => Promise.reject(thrown) });
    expect((await deliver(eventBody('evt_1'))).status).toBe(500);
    expect(warned).toHaveBeenCalledWith(said);
    expect(await recordsOf(store)).toBe(0);
    warned.mockRestore();
  });

  test('an observer that throws or rejects stops nothing and becomes a process warning', async () => {
    const warned = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    const broken = new Error('observer broke');
    const throws = (): never => {
      throw broken;
    };
    const rejects = (): unknown => Promise.reject(broken);
    for (const onEvent of [throws, rejects]) {
      const { deliver } = desk(sender, { onEvent });
      expect((await deliver(eventBody('evt_1'))).status).toBe(200);
    }
    expect(warned.mock.calls).toEqual([[broken], [broken]]);
    warned.mockRestore();
  });

  test('a handler goes on after its last step', async () => {
    let charges = 0;
    let runs = 0;
    const { deliver } = desk(sender, {
      handle: async (_event, work) => {
        await work.step('charge', () => (charges += 1));
        runs += 1;
        if (runs === 1) throw new Error('later');
      },
    });
    expect([(await deliver(eventBody('e'))).status, (await deliver(eventBody('e'))).status]).toEqual([500, 200]);
    expect({ charges, runs }).toEqual({ charges: 1, runs: 2 });
  });

  test('a worker’s own context is asked to stay, in person', async () => {
    class Context {
      readonly #kept: Promise<unknown>[] = [];
      waitUntil(work: Promise<unknown>): void {
        this.#kept.push(work);
      }
      get kept(): number {
        return this.#kept.length;
      }
    }
    const receiver = webhooks({ provider: github(), secret: 's', endpoint: 'e', store: memory(), handle: () => 1 });
    const context = new Context();
    const request = new Request('https://x.example/', { method: 'POST', body: '{}' });
    expect((await receiver.fetch(request, context)).status).toBe(401);
    expect(context.kept).toBe(1);
  });

  test('a request that was read before: a configuration error', async () => {
    const receiver = webhooks({ provider: github(), secret: 's', endpoint: 'e', store: memory(), handle: () => 1 });
    const request = new Request('https://x.example/', { method: 'POST', body: '{}' });
    await request.json();
    await expect(receiver.fetch(request)).rejects.toThrow(/a body parser came first/);
  });
});

test('wrong options are named', () => {
  const good: WebhookOptions = { provider: github(), secret: 's', endpoint: 'e', store: memory(), handle: () => 1 };
  const wrong =
    (over: object): (() => unknown) =>
    () =>
      webhooks({ ...good, ...over } as WebhookOptions);
  expect(() => webhooks(undefined as never)).toThrow(/options are missing/);
  expect(wrong({ provider: undefined })).toThrow(/provider is missing/);
  expect(wrong({ provider: { ...github(), name: undefined } })).toThrow(/the provider’s name is missing/);
  expect(wrong({ provider: standardWebhooks({ name: ' ' }), secret: 'AAAA' })).toThrow(
    /the provider’s name is missing/,
  );
  expect(wrong({ provider: { ...github(), name: 'n'.repeat(248) } })).toThrow(/the provider’s name is over 247/);
  expect(wrong({ endpoint: ' ' })).toThrow(/endpoint is missing/);
  expect(wrong({ endpoint: 'n'.repeat(256) })).toThrow(/endpoint is over 255/);
  expect(wrong({ handle: undefined })).toThrow(/handle is missing/);
  expect(wrong({ secret: undefined })).toThrow(/secret is missing/);
  expect(wrong({ secret: '' })).toThrow(/secret is blank/);
  expect(wrong({ secret: 7 })).toThrow(/secret is neither text nor a list/);
  expect(wrong({ secret: Buffer.from('s') })).toThrow(/secret is neither text nor a list/);
  expect(wrong({ secret: ['s', ' '] })).toThrow(/secret\[1\] is blank/);
  expect(wrong({ store: undefined })).toThrow(/store or once/);
  expect(wrong({ once: createOnce({ store: memory() }) })).toThrow(/store or once/);
  expect(wrong({ store: undefined, once: {} })).toThrow(/store or once/);
  expect(wrong({ retentionMs: 0 })).toThrow(/retentionMs is 0/);
  expect(wrong({ provider: standardWebhooks(), secret: '!' })).toThrow(/secret is not base64/);
  expect(() => standardWebhooks({ toleranceMs: 300_001 })).toThrow(/toleranceMs is 300001/);
  expect(() => stripe({} as never)).toThrow(/constructEventAsync/);
  expect(() => shopify({ topics: [] })).toThrow(/topics is empty/);
  expect(() => shopify({ topics: [undefined as never] })).toThrow(/topics is empty/);
  expect(() => shopify(undefined as never)).toThrow(/topics is empty/);
});
