/**
 * Webhooks that take effect once: one receiver, and its entries for fetch, Express, Fastify
 * and Hono. Each entry hands over the raw bytes, because only they were signed, and writes the
 * answer it is given; none knows a status or a header. No framework is imported.
 */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toResponse } from '../http/fetch-answer.ts';
import { FetchAsk } from '../http/fetch-request.ts';
import { NodeAsk } from '../http/node-request.ts';
import { sendAnswer } from '../http/node-send.ts';
import type { Answer } from '../http/seam.ts';
import type { WebhookOptions } from './options.ts';
import { Receiver } from './receive.ts';

/** What is used of a Fastify instance. */
export interface FastifyApp {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: never, options: never, parse: never): unknown;
  post(path: string, handler: never): unknown;
}

/** What is used of a Fastify request. */
interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly body: unknown;
}

/** What is used of a Fastify reply. */
interface FastifyReply {
  code(status: number): unknown;
  header(name: string, value: string): unknown;
  send(body: Uint8Array): unknown;
}

/** The entries of one endpoint. */
export interface Webhooks {
  /** For everything that speaks fetch; `waitUntil` keeps a worker alive when the provider hangs up. */
  fetch(request: Request, context?: { readonly waitUntil?: (work: Promise<unknown>) => void }): Promise<Response>;
  /** `app.post('/webhooks', receiver.express)`, in front of body parsers; also for node:http. */
  express(request: IncomingMessage, response: ServerResponse, next?: (error: unknown) => void): void;
  /** `app.register(receiver.fastify, { prefix: '/webhooks' })`: a context of its own, in which bodies stay bytes. */
  fastify(app: FastifyApp, options: object, done: () => void): void;
  /** `app.post('/webhooks', receiver.hono)`. */
  hono(context: { readonly req: { readonly raw: Request } }): Promise<Response>;
}

/**
 * Receives webhooks: the signature is verified before anything is claimed, an event is handled once, and a delivery that
 * fails is released for the provider to send again. Throws a TypeError for a wrong option, naming it.
 */
export function webhooks(options: WebhookOptions): Webhooks {
  const receiver = new Receiver(options);
  const viaFetch: Webhooks['fetch'] = async (request, context) => {
    const ask = new FetchAsk(request, { scope: noScope });
    // What was read before is gone: what a framework remembers of it may be written anew.
    if (request.bodyUsed) ask.body = () => ({ kind: 'parsed', value: undefined });
    const answered = receiver.receive(ask);
    // Called where it is: a worker's own context refuses to have it taken out.
    context?.waitUntil?.(answered.catch(ignore));
    return toResponse(await answered);
  };
  return {
    fetch: viaFetch,
    hono: ({ req }) => viaFetch(req.raw),
    express(request, response, next) {
      const parsed = request as { body?: unknown; rawBody?: unknown };
      const ask = new NodeAsk({ own: request, request, target: request.url ?? '/', parsed }, noScope);
      const send = (answer: Answer): void => {
        // Somebody else, such as a time limit in front, may have answered while the handler ran.
        if (!response.headersSent) sendAnswer(response, answer, !request.complete);
      };
      receiver.receive(ask).then(send, next ?? ((error: unknown) => send(receiver.misused(error))));
    },
    fastify(app, _options, done) {
      takeBytes(app, receiver.maxBodyBytes);
      const handler = async ({ raw, body }: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
        const parsed = { body: body ?? new Uint8Array(0) };
        const ask = new NodeAsk({ own: raw, request: raw, target: raw.url ?? '/', parsed }, noScope);
        const answer = await receiver.receive(ask);
        reply.code(answer.status);
        for (const [name, value] of answer.headers) reply.header(name, value);
        return reply.send(Buffer.from(answer.body));
      };
      app.post('/', handler as never);
      done();
    },
  };
}

/** In this context of Fastify, every body is left as it came. */
function takeBytes(app: FastifyApp, bodyLimit: number): void {
  app.removeAllContentTypeParsers();
  const parse = (_request: unknown, body: Buffer, parsed: (error: null, body: Buffer) => void): void =>
    parsed(null, body);
  app.addContentTypeParser('*' as never, { parseAs: 'buffer', bodyLimit } as never, parse as never);
}

/** Whose an event is, is told by its signature. */
function noScope(): null {
  return null;
}

function ignore(): void {}
