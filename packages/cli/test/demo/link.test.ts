/** The demo's unsound network: sound until told otherwise, and each trouble strikes once. */
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startLink, type Link } from '../../src/demo/link.ts';

let server: Server;
let link: Link;
let served: number;

beforeEach(async () => {
  served = 0;
  server = createServer((incoming, response) => {
    served += 1;
    incoming.resume().on('end', () => response.end('done'));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  link = await startLink((server.address() as AddressInfo).port);
});

afterEach(async () => {
  await link.close();
  server.closeAllConnections();
  server.close();
});

function post(): { answer: Promise<string>; abandon: () => void } {
  const sent = request(link.url, { method: 'POST', agent: false });
  const answer = new Promise<string>((resolve) => {
    sent.on('response', (response) => response.on('data', (chunk: Buffer) => resolve(chunk.toString())));
    sent.on('error', () => resolve('lost'));
  });
  sent.end('x');
  return { answer, abandon: () => sent.destroy() };
}

test('passes bytes both ways while nothing is armed', async () => {
  expect(await post().answer).toBe('done');
});

test('loses one reply after the far side has answered, and is sound again', async () => {
  const struck = link.strike('lose-reply');
  expect(await post().answer).toBe('lost');
  await struck;
  expect(served).toBe(1);
  expect(await post().answer).toBe('done');
});

test('holds one request back: the far side never sees it', async () => {
  const struck = link.strike('hold-request');
  const { answer, abandon } = post();
  await struck;
  abandon();
  expect(await answer).toBe('lost');
  expect(await post().answer).toBe('done');
  expect(served).toBe(1);
});

test('holds one reply back: the far side has answered, nobody hears it', async () => {
  const struck = link.strike('hold-reply');
  const { answer, abandon } = post();
  await struck;
  expect(served).toBe(1);
  abandon();
  expect(await answer).toBe('lost');
});
