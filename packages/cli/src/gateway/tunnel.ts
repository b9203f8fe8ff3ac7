/**
 * WebSocket upgrades: one fresh connection to upstream for each, raw bytes both ways once
 * upstream has agreed. Never claimed (rule 1). Only a GET to `websocket` is let through:
 * any other protocol (h2c) could carry keyed requests past the gateway, so that its Upgrade
 * field is ignored and the request is treated like any other, which RFC 9110 allows.
 */
import { request as httpRequest, type IncomingMessage, type RequestOptions, type Server } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { originForm } from './ask.ts';
import { readHead, towardsUpstream } from './headers.ts';

/** Tunnels `upgrade` requests of `server` to `upstream`; the answer closes all tunnels. */
export function openTunnels(server: Server, upstream: URL, timeoutMs: number): () => void {
  const open = new Set<Duplex>();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, first: Buffer) => {
    if (!isWebSocket(request)) return asOrdinary(server, request, socket as Socket, first);
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    tunnel(request, socket, first, upstream, timeoutMs);
  });
  return () => {
    for (const socket of open) socket.destroy();
  };
}

function isWebSocket(request: IncomingMessage): boolean {
  return request.method === 'GET' && request.headers.upgrade?.trim().toLowerCase() === 'websocket';
}

// The parser has let go of the connection. Give the same bytes, less the wish to upgrade, to a new one.
function asOrdinary(server: Server, request: IncomingMessage, socket: Socket, first: Buffer): void {
  let head = `${request.method} ${request.url} HTTP/${request.httpVersion}\r\n`;
  for (let index = 0; index < request.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = request.rawHeaders.slice(index, index + 2);
    if (!/^(upgrade|http2-settings)$/i.test(name)) head += `${name}: ${lessUpgrade(name, value)}\r\n`;
  }
  socket.unshift(Buffer.concat([Buffer.from(`${head}\r\n`, 'latin1'), first]));
  server.emit('connection', socket);
}

function lessUpgrade(name: string, value: string): string {
  if (!/^connection$/i.test(name)) return value;
  const kept = value.split(',').filter((option) => !/^\s*(upgrade|http2-settings)\s*$/i.test(option));
  return kept.length === 0 ? 'keep-alive' : kept.join(',');
}

function tunnel(request: IncomingMessage, socket: Duplex, first: Buffer, upstream: URL, timeoutMs: number): void {
  const give = (status: string): void => {
    if (!socket.destroyed) socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  };
  const target = originForm(request.url ?? '');
  if (target === null) return give('400 Bad Request');
  const outgoing = (upstream.protocol === 'https:' ? httpsRequest : httpRequest)(optionsOf(request, target, upstream));
  socket.on('error', () => outgoing.destroy()).on('close', () => outgoing.destroy());
  outgoing.setTimeout(timeoutMs, () => outgoing.destroy(new Error('timed out')));
  outgoing.on('error', () => give('502 Bad Gateway'));
  outgoing.on('upgrade', (answer, far, farFirst) => {
    far.setTimeout(0);
    far.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('close', () => far.destroy());
    socket.write(headOf(answer, true));
    if (farFirst.length > 0) socket.write(farFirst);
    if (first.length > 0) far.write(first);
    socket.pipe(far).pipe(socket);
  });
  outgoing.on('response', (answer) => {
    socket.write(headOf(answer, false));
    answer.on('error', () => socket.destroy()).pipe(socket);
  });
  outgoing.end();
}

function optionsOf(request: IncomingMessage, target: string, upstream: URL): RequestOptions {
  const { remoteAddress = 'unknown' } = request.socket;
  const client = { address: remoteAddress, encrypted: false, httpVersion: request.httpVersion };
  const headers = towardsUpstream(readHead(request.rawHeaders), client, false);
  return {
    host: upstream.hostname.replace(/^\[|\]$/g, ''),
    port: upstream.port === '' ? (upstream.protocol === 'https:' ? 443 : 80) : Number(upstream.port),
    method: 'GET',
    path: target,
    agent: false,
    headers: ['Host', upstream.host, 'Connection', 'Upgrade', 'Upgrade', 'websocket', ...headers],
  };
}

function headOf(answer: IncomingMessage, upgraded: boolean): Buffer {
  let head = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\n`;
  for (let index = 0; index < answer.rawHeaders.length; index += 2) {
    const [name = '', value = ''] = answer.rawHeaders.slice(index, index + 2);
    // A refusal is sent with its chunks taken off, up to the end of the connection.
    if (!upgraded && /^(connection|keep-alive|transfer-encoding)$/i.test(name)) continue;
    head += `${name}: ${value}\r\n`;
  }
  return Buffer.from(`${head}${upgraded ? '' : 'Connection: close\r\n'}\r\n`, 'latin1');
}
