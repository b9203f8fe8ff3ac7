/**
 * Bodies on the way to handlers on Node's own requests: whoever brings the last byte, the
 * handler runs where the request came in, and reads what nobody has touched.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createServer, request as ask, type IncomingMessage, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { currentWork } from '../../src/core/work.ts';
import { idempotency } from '../../src/http/node.ts';
import { memory } from '../../src/stores/memory.ts';

const flow = new AsyncLocalStorage<string>();
const shapes = ['with its length', 'in one chunk', 'in two pieces', 'in two chunks'] as const;

/** Sends a body in one of the shapes and gives the answer's text. */
async function answerOf(listener: RequestListener, shape: (typeof shapes)[number]): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const length = shape === 'with its length' || shape === 'in two pieces' ? { 'Content-Length': '5' } : {};
  const headers = { 'Idempotency-Key': '"k"', ...length };
  try {
    return await new Promise((resolve, reject) => {
      const asked = ask({ port, host: '127.0.0.1', method: 'POST', headers }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        answer.on('end', () => resolve(text));
      });
      asked.on('error', reject).write(shape.includes('two') ? 'he' : 'hello');
      setTimeout(() => asked.end(shape.includes('two') ? 'llo' : ''), 20);
    });
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}

describe.each(shapes)('a body %s', (shape) => {
  test('finds the handler in the flow that the request came in', async () => {
    const handler = idempotency({ store: memory(), scope: 'public' })((request, response) => {
      const said = `${flow.getStore()} ${currentWork()?.attempt} ${request.readableDidRead}`;
      request.resume().on('end', () => response.end(`${said} ${flow.getStore()}`));
    });
    expect(await answerOf((request, response) => flow.run('outer', () => void handler(request, response)), shape)).toBe(
      'outer 1 false outer',
    );
  });

  test('reaches a handler behind two protections', async () => {
    const protect = (scope: string) => idempotency({ store: memory(), scope: () => scope });
    const handler = protect('outer')(
      protect('inner')(async (request, response) => {
        response.end(`${await textOf(request)} ${currentWork()?.attempt}`);
      }),
    );
    expect(await answerOf(handler, shape)).toBe('hello 1');
  });

  test('reaches a handler that reads it later', async () => {
    const handler = idempotency({ store: memory(), scope: 'public' })(async (request, response) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      response.end(await textOf(request));
    });
    expect(await answerOf(handler, shape)).toBe('hello');
  });
});

test('what a handler throws after its body has come rejects, and is nobody else’s', async () => {
  const outcomes: unknown[] = [];
  const handler = idempotency({ store: memory(), scope: 'public', serverErrors: 'release' })(() => {
    throw new Error('thrown on');
  });
  const listener: RequestListener = (request, response) => {
    Promise.resolve(handler(request, response)).catch((error: unknown) => {
      outcomes.push(error);
      response.end('caught');
    });
  };
  expect(await answerOf(listener, 'with its length')).toBe('caught');
  expect(outcomes).toEqual([expect.objectContaining({ message: 'thrown on' })]);
});
