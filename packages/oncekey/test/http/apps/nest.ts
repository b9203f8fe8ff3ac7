/**
 * The contract's app on NestJS 11, on both of its platforms. Nest is installed outside the root lock file, so what is used
 * of it is described here; decorators are called by hand, because no compiler of ours writes them.
 */
import type { AddressInfo } from 'node:net';
import type { Server, ServerResponse } from 'node:http';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { outside } from '../../../../../tools/outside/outside.js';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency, type NestInterceptor, type NestRequest } from '../../../src/http/nest.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, HttpSetup, OpenApp, OpenedApp } from '../../../src/testing/index.ts';
import { play, readWhole, scopeOf } from './node.ts';

/** What is used of a Nest application. */
export interface NestApp {
  useGlobalInterceptors(...interceptors: NestInterceptor[]): unknown;
  useGlobalGuards(...guards: object[]): unknown;
  useBodyParser(type: string, options?: object): unknown;
  listen(port: number, host: string): Promise<unknown>;
  getHttpServer(): Server;
  getHttpAdapter(): { getInstance(): unknown };
  close(): Promise<void>;
}

type Decorator = (target: object, key?: string, of?: PropertyDescriptor) => void;
type ParameterDecorator = (target: object, key: string, at: number) => void;

/** What is used of `@nestjs/common`. */
export interface NestCommon {
  Controller(path?: string): Decorator;
  Module(of: object): Decorator;
  Post(path?: string): Decorator;
  All(path?: string): Decorator;
  Req(): ParameterDecorator;
  Res(): ParameterDecorator;
  Body(): ParameterDecorator;
}

/** The platforms. */
export type Platform = 'express' | 'fastify';

/** Nest's common package and a way to make an application of a module. */
export async function nest(
  platform: Platform,
): Promise<{ common: NestCommon; create: (module: object, options?: object) => Promise<NestApp> }> {
  const group = await outside('nest');
  await group.import('reflect-metadata');
  const common = (await group.import('@nestjs/common')) as NestCommon;
  const core = (await group.import('@nestjs/core')) as {
    NestFactory: { create(module: object, adapter: object, options: object): Promise<NestApp> };
  };
  const adapters = (await group.import(`@nestjs/platform-${platform}`)) as Record<
    string,
    new (options?: object) => object
  >;
  const Adapter = adapters[platform === 'express' ? 'ExpressAdapter' : 'FastifyAdapter'];
  if (Adapter === undefined) throw new Error(`@nestjs/platform-${platform} has no adapter`);
  const options = { logger: false, forceCloseConnections: true };
  const adapterOptions = platform === 'fastify' ? { bodyLimit: 4_000_000, forceCloseConnections: true } : undefined;
  return {
    common,
    create: (module, more = {}) =>
      core.NestFactory.create(module, new Adapter(adapterOptions), { ...options, ...more }),
  };
}

/** Nest on Express. */
export const openNestExpress: OpenApp = (setup) => open('express', setup);
/** Nest on Fastify. */
export const openNestFastify: OpenApp = (setup) => open('fastify', setup);

async function open(platform: Platform, setup: HttpSetup): Promise<OpenedApp> {
  const { work, options, scope, store, bodyParser, nested } = setup;
  const { common, create } = await nest(platform);
  class AnyController {
    async handle(request: NestRequest & AsyncIterable<unknown>, reply: unknown): Promise<void> {
      const { body: parsed, raw } = request as { body?: unknown; raw?: { method: string }; method?: string };
      const method = raw?.method ?? (request as unknown as { method: string }).method;
      const bytes = Buffer.isBuffer(parsed) ? parsed : undefined;
      const body =
        bytes ?? (platform === 'express' && parsed === undefined ? await readWhole(request) : Buffer.alloc(0));
      const answer = await work({ method, body, parsed, work: currentWork() });
      if (platform === 'express') await play(answer, reply as ServerResponse);
      else respond(answer, reply as FastifyReply);
    }
  }
  decorate(common, AnyController);
  class AppModule {}
  common.Module({ controllers: [AnyController] })(AppModule);
  const app = await create(AppModule, { bodyParser: bodyParser !== 'none' });
  if (bodyParser === 'none' && platform === 'fastify') takeBytes(app.getHttpAdapter().getInstance() as FastifyInstance);
  const shared = store(memory());
  const protect = (): NestInterceptor => idempotency({ ...options, scope: scopeOf<NestRequest>(scope), store: shared });
  app.useGlobalInterceptors(protect());
  if (nested) app.useGlobalInterceptors(protect());
  await app.listen(0, '127.0.0.1');
  return { port: (app.getHttpServer().address() as AddressInfo).port, close: () => app.close() };
}

/** Without a parser, Fastify would refuse what it cannot parse. */
function takeBytes(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.addHook('onRequest', async ({ raw }) => {
    raw.headers['content-type'] ??= 'application/octet-stream';
  });
}

function decorate(common: NestCommon, controller: { prototype: object }): void {
  common.Controller()(controller);
  common.Req()(controller.prototype, 'handle', 0);
  common.Res()(controller.prototype, 'handle', 1);
  const descriptor = Object.getOwnPropertyDescriptor(controller.prototype, 'handle');
  common.All('*')(controller.prototype, 'handle', descriptor);
}

function respond({ status = 200, headers = [], body }: HttpReply, reply: FastifyReply): void {
  reply.code(status);
  for (const [name, value] of headers) {
    const before = reply.getHeader(name);
    if (before === undefined || name.toLowerCase() === 'set-cookie') reply.header(name, value);
    else reply.header(name, [...(Array.isArray(before) ? before : [String(before)]), value]);
  }
  if (body === undefined) reply.send();
  else if (body instanceof Uint8Array) reply.send(body);
  else if ('file' in body) reply.send(createReadStream(body.file));
  else reply.send(Readable.from(body, { objectMode: false }));
}
