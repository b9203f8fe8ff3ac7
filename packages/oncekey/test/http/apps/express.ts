/** The contract's app on Express, for both of its versions. */
import express, { type ErrorRequestHandler, type Express, type Request, type Response } from 'express';
import express4 from 'express4';
import { currentWork } from '../../../src/core/work.ts';
import { idempotency } from '../../../src/http/express.ts';
import { memory } from '../../../src/stores/memory.ts';
import type { HttpReply, HttpSetup, OpenApp } from '../../../src/testing/index.ts';
import { listening, play, readWhole, scopeOf } from './node.ts';

/** Express 5. */
export const openExpress: OpenApp = (setup) => open(express(), express.json(), setup);
/** Express 4; as far as it is used here it has the types of 5. */
export const openExpress4: OpenApp = (setup) => open(express4() as unknown as Express, express4.json(), setup);

function open(app: Express, parser: ReturnType<typeof express.json>, setup: HttpSetup): ReturnType<OpenApp> {
  const { work, options, scope, store, bodyParser, nested } = setup;
  const protect = idempotency<Request>({ ...options, scope: scopeOf(scope), store: store(memory()) });
  if (bodyParser === 'before') app.use(parser);
  app.use(protect);
  if (nested) app.use(protect);
  if (bodyParser === 'after') app.use(parser);
  app.use((request, response, next) => {
    const answer = async (): Promise<void> => {
      const body = request.readableEnded ? Buffer.alloc(0) : await readWhole(request);
      const { method, body: parsed } = request as { method: string; body?: unknown };
      await respond(await work({ method, body, parsed, work: currentWork() }), response);
    };
    // Express 4 knows nothing of promises.
    answer().then(undefined, next);
  });
  const failed: ErrorRequestHandler = (error: Error, _request, response, _next) => {
    response.status(500).send(error.message);
  };
  app.use(failed);
  return listening(app as never);
}

async function respond(reply: HttpReply, response: Response): Promise<void> {
  const { status = 200, headers = [], body } = reply;
  if (body instanceof Uint8Array) {
    for (const [name, value] of headers) response.append(name, value);
    response.status(status).end(body);
  } else if (body !== undefined && 'file' in body) {
    for (const [name, value] of headers) response.append(name, value);
    response.status(status).sendFile(body.file);
  } else await play(reply, response);
}
