/** The first bytes that a server says to a new connection: a port that accepts is not yet a server that serves. */
import { connect } from 'node:net';

const deadlineMs = 2000;

/** What comes first after `hello` was sent (nothing by default); rejects when the connection ends or says nothing for 2 s. */
export function greetingOf(port: number, hello: Uint8Array = new Uint8Array()): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.setTimeout(deadlineMs, () => socket.destroy(new Error(`port ${port} says nothing`)));
    socket.once('connect', () => socket.write(hello));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`port ${port} closed`)));
    socket.once('data', (bytes) => {
      resolve(bytes);
      socket.destroy();
    });
  });
}
