/** The fault proxy against a plain echo server that counts what it got: each fault does what its name says, once, and is counted. */
import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type FaultProxy, startFaultProxy } from './fault-proxy.ts';
import { waitUntil } from './wait-until.ts';

let echo: Server;
let proxy: FaultProxy;
let received: string[];
const sockets = new Set<Socket>();

beforeEach(async () => {
  received = [];
  echo = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      received.push(bytes.toString());
      socket.write(`re:${bytes.toString()}`);
    });
  });
  echo.listen(0, '127.0.0.1');
  await once(echo, 'listening');
  proxy = await startFaultProxy({ port: (echo.address() as AddressInfo).port });
});

afterEach(async () => {
  await proxy.stop();
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  echo.close();
});

/** Sends `text` on a new connection (or on `socket`) and tells what came back before `enough` bytes, the end, or a reset. */
async function ask(text: string, socket: Socket = connect(proxy.port, '127.0.0.1'), enough = 1): Promise<string> {
  let seen = '';
  return new Promise((resolve) => {
    const settle = (how: string): void => resolve(`${seen}${how}`);
    socket.on('data', (bytes) => {
      seen += bytes.toString();
      if (seen.length >= enough) settle('');
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => settle(` ${code}`));
    socket.once('close', () => settle(' closed'));
    socket.write(text);
  });
}

test('passes everything on when nothing is planned', async () => {
  expect(await ask('one')).toBe('re:one');
  expect(proxy.counters).toMatchObject({ connections: 1, bytesToServer: 3, bytesToClient: 6 });
});

test('cut-before: the server sees nothing, the next connection works', async () => {
  proxy.plan({ kind: 'cut-before' });
  expect(await ask('one')).toBe(' ECONNRESET');
  expect(await ask('two')).toBe('re:two');
  expect(received).toEqual(['two']);
  expect(proxy.counters.faults['cut-before']).toBe(1);
});

test('cut-after: the server got it, the client sees nothing of the reply', async () => {
  proxy.plan({ kind: 'cut-after' });
  expect(await ask('one')).toBe(' ECONNRESET');
  expect(received).toEqual(['one']);
  expect(proxy.counters).toMatchObject({ bytesToClient: 0, faults: { 'cut-after': 1 } });
});

test('cut-after: the reply to an earlier message of a pipeline does not cut off the message meant', async () => {
  // Reads one message, answers it, and only later looks for the next: a reset would take that one away.
  echo.removeAllListeners('connection').on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('readable', () => {
      received.push(String(socket.read(3)));
      setTimeout(() => {
        socket.write('re:one');
        setTimeout(() => socket.on('data', (bytes) => received.push(bytes.toString())), 60);
      }, 60);
    });
  });
  proxy.plan({ kind: 'cut-after', when: (bytes) => bytes.includes('two') });
  const socket = connect(proxy.port, '127.0.0.1');
  const answer = ask('one', socket);
  await waitUntil('the first message arrived', () => received.length === 1);
  socket.write('two');
  expect(await answer).toBe(' ECONNRESET');
  expect(received).toEqual(['one', 'two']);
});

test('cut-at: so many bytes of the reply and no more', async () => {
  proxy.plan({ kind: 'cut-at', bytes: 4 });
  expect(await ask('one', undefined, 7)).toMatch(/^re:o (ECONNRESET|closed)$/);
});

test('a fault waits for the bytes it is meant for, and happens as often as planned', async () => {
  proxy.plan({ kind: 'cut-before', when: (bytes) => bytes.includes('COMMIT'), times: 2 });
  const answers = [await ask('SELECT'), await ask('COMMIT 1'), await ask('COMMIT 2'), await ask('COMMIT 3')];
  expect(answers).toEqual(['re:SELECT', ' ECONNRESET', ' ECONNRESET', 're:COMMIT 3']);
});

test('a fault meets a connection that stood before it was planned', async () => {
  const socket = connect(proxy.port, '127.0.0.1');
  expect(await ask('one', socket)).toBe('re:one');
  proxy.plan({ kind: 'cut-after' });
  socket.removeAllListeners('data');
  expect(await ask('two', socket)).toBe(' ECONNRESET');
});

test('drop: nothing comes and nothing ends', async () => {
  proxy.plan({ kind: 'drop' });
  const socket = connect(proxy.port, '127.0.0.1');
  const answer = await Promise.race([
    ask('one', socket),
    new Promise((resolve) => setTimeout(resolve, 150, 'silence')),
  ]);
  expect({ answer, received, open: !socket.destroyed }).toEqual({ answer: 'silence', received: [], open: true });
  socket.destroy();
});

test('delay: all of it, later', async () => {
  proxy.plan({ kind: 'delay', delayMs: 60 });
  const startedMs = performance.now();
  expect(await ask('one')).toBe('re:one');
  // There and back.
  expect(performance.now() - startedMs).toBeGreaterThan(110);
});

test('what is cleared does not happen', async () => {
  proxy.plan({ kind: 'cut-before', times: 5 });
  proxy.clear();
  expect(await ask('one')).toBe('re:one');
});

test('down: connections are reset and refused, until it is up again on the same port', async () => {
  const socket = connect(proxy.port, '127.0.0.1');
  await ask('one', socket);
  const reset = once(socket, 'error');
  await proxy.down();
  expect((await reset)[0]).toMatchObject({ code: 'ECONNRESET' });
  expect(await ask('two')).toBe(' ECONNREFUSED');
  await proxy.up();
  expect(await ask('three')).toBe('re:three');
});

test('gives a url its own address', () => {
  const { port } = echo.address() as AddressInfo;
  expect(proxy.through(`postgres://me@127.0.0.1:${port}/db`)).toBe(`postgres://me@127.0.0.1:${proxy.port}/db`);
});
