/**
 * A NestJS application as its users write one, on both platforms: handlers that return values, guards, exception filters,
 * and routes that say otherwise. What every entry must do is in the contract beside this.
 */
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { currentWork } from '../../src/core/work.ts';
import { Idempotent, idempotency, type NestRequest } from '../../src/http/nest.ts';
import { memory } from '../../src/stores/memory.ts';
import { nest, type NestApp, type NestCommon } from './apps/nest.ts';

type Exceptions = Record<'ConflictException' | 'ServiceUnavailableException', new (message: string) => Error>;

let runs = 0;

/** The controller, its decorators called as a compiler would call them. */
function chargesOf(common: NestCommon & Exceptions): object {
  class Charges {
    create(body: { amount: number }): object {
      runs += 1;
      return { id: `ch_${runs}`, amount: body.amount, attempt: currentWork()?.attempt };
    }
    async steps(): Promise<object> {
      runs += 1;
      await Promise.resolve();
      return { paid: await currentWork()?.step('charge', () => `step ${runs}`) };
    }
    conflict(): never {
      runs += 1;
      throw new common.ConflictException('sold out');
    }
    busy(): never {
      runs += 1;
      throw new common.ServiceUnavailableException('later');
    }
    free(): object {
      return { run: (runs += 1) };
    }
    strict(): object {
      return { run: (runs += 1) };
    }
  }
  common.Controller('charges')(Charges);
  const prototype = Charges.prototype;
  for (const name of ['create', 'steps', 'conflict', 'busy', 'free', 'strict'] as const) {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name);
    common.Post(name)(prototype, name, descriptor);
    if (name === 'free') Idempotent(false)(prototype, name, descriptor);
    if (name === 'strict') Idempotent({ missingKey: 'reject' })(prototype, name, descriptor);
  }
  common.Body()(prototype, 'create', 0);
  return Charges;
}

/** A guard that runs in front of the interceptor. */
const guard = {
  canActivate: (context: { switchToHttp(): { getRequest(): NestRequest } }): boolean =>
    context.switchToHttp().getRequest().headers['authorization'] !== 'nobody',
};

describe.each(['express', 'fastify'] as const)('on %s', (platform) => {
  let app: NestApp;
  let url: string;

  beforeAll(async () => {
    const { common, create } = await nest(platform);
    class AppModule {}
    common.Module({ controllers: [chargesOf(common as NestCommon & Exceptions)] })(AppModule);
    app = await create(AppModule);
    app.useGlobalGuards(guard);
    const scope = ({ headers }: NestRequest): string | undefined => headers['authorization'];
    app.useGlobalInterceptors(idempotency({ store: memory(), scope }));
    await app.listen(0, '127.0.0.1');
    url = `http://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}/charges`;
  }, 600_000);
  afterAll(() => app.close());

  let keys = 0;
  const post = async (path: string, headers: Record<string, string> = {}, body = '{"amount":42}') => {
    const all = { 'content-type': 'application/json', authorization: 'acme', ...headers };
    const answer = await fetch(`${url}/${path}`, { method: 'POST', headers: all, body });
    const { status } = answer;
    return { status, marker: answer.headers.get('idempotent-replayed'), body: await answer.text() };
  };
  const twice = async (path: string) => {
    const headers = { 'idempotency-key': `${platform}-${(keys += 1)}` };
    const before = runs;
    const [first, repeat] = [await post(path, headers), await post(path, headers)];
    return { first, repeat, ran: runs - before };
  };

  test('a returned value is replayed byte for byte, with its 201', async () => {
    const { first, repeat, ran } = await twice('create');
    expect(ran).toBe(1);
    expect(first).toMatchObject({ status: 201, marker: null });
    expect(JSON.parse(first.body)).toMatchObject({ amount: 42, attempt: 1 });
    expect(repeat).toEqual({ ...first, marker: 'true' });
  });

  test('currentWork has steps inside an asynchronous handler', async () => {
    const { first, repeat } = await twice('steps');
    expect(JSON.parse(first.body)).toEqual({ paid: `step ${runs}` });
    expect(repeat.body).toBe(first.body);
  });

  test('100 at once: one runs', async () => {
    const before = runs;
    const headers = { 'idempotency-key': `${platform}-storm` };
    const answers = await Promise.all(Array.from({ length: 100 }, () => post('create', headers)));
    expect(runs - before).toBe(1);
    expect(answers.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
  });

  test('what an exception filter answers is kept, or released, by its status', async () => {
    // A handler's own 409 and 503 are released (rule 7).
    expect((await twice('conflict')).ran).toBe(2);
    expect((await twice('busy')).ran).toBe(2);
  });

  test('another body is refused, another scope runs', async () => {
    const headers = { 'idempotency-key': `${platform}-scope` };
    await post('create', headers);
    expect((await post('create', headers, '{"amount":43}')).status).toBe(422);
    const other = await post('create', { ...headers, authorization: 'bolt' });
    expect([other.status, other.marker]).toEqual([201, null]);
  });

  test('a guard decides before a replay', async () => {
    const headers = { 'idempotency-key': `${platform}-guard` };
    await post('create', headers);
    expect((await post('create', { ...headers, authorization: 'nobody' })).status).toBe(403);
  });

  test('a route says otherwise by its decorator', async () => {
    expect((await twice('free')).ran).toBe(2);
    expect((await post('strict')).status).toBe(400);
    expect((await post('create')).status).toBe(201);
  });
});
