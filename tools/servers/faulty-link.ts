/**
 * One connection through the fault proxy: two sockets and what goes wrong between them. A
 * fault begins with bytes of the client; what it does to the reply is kept as the link's mode.
 */
import type { Socket } from 'node:net';
import type { Fault, ProxyCounters } from './fault-proxy.ts';

/** The two halves of a proxied connection. */
export class FaultyLink {
  readonly #client: Socket;
  readonly #server: Socket;
  readonly #meet: (bytes: Buffer) => Fault | undefined;
  readonly #counters: ProxyCounters;
  #dropping = false;
  #delayMs = 0;
  /** The server is to finish what it has got, and nothing of it reaches the client. */
  #finishing = false;
  /** Bytes of the server's that may still go to the client; then the link is cut. */
  #replyLeft = Number.POSITIVE_INFINITY;

  constructor(
    client: Socket,
    server: Socket,
    meet: (bytes: Buffer) => Fault | undefined,
    counters: ProxyCounters,
    ended: () => void,
  ) {
    this.#client = client;
    this.#server = server;
    this.#meet = meet;
    this.#counters = counters;
    client.on('data', (bytes) => this.#fromClient(bytes));
    server.on('data', (bytes) => this.#fromServer(bytes));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      // A reset of one half is passed on as a reset of the other.
      one.on('error', () => other.resetAndDestroy());
      one.on('end', () => {
        if (this.#finishing) this.cut();
        else if (!this.#dropping) other.end();
      });
      one.on('close', ended);
    }
  }

  /** Resets both halves. */
  cut(): void {
    this.#client.resetAndDestroy();
    this.#server.resetAndDestroy();
  }

  #fromClient(bytes: Buffer): void {
    if (this.#dropping) return;
    const faultless = !this.#finishing && this.#replyLeft === Number.POSITIVE_INFINITY;
    const fault = faultless ? this.#meet(bytes) : undefined;
    if (fault !== undefined) this.#begin(fault);
    if (this.#dropping || this.#client.destroyed || this.#server.writableEnded) return;
    this.#counters.bytesToServer += bytes.length;
    this.#pass(this.#server, bytes);
  }

  #fromServer(bytes: Buffer): void {
    if (this.#dropping) return;
    if (this.#finishing) {
      // What arrives may answer an earlier message of a pipeline. A server that is hung up on, not reset, still reads
      // and does all it was sent; the client is cut when it has.
      this.#server.end();
      return;
    }
    const passed = bytes.subarray(0, this.#replyLeft);
    this.#replyLeft -= passed.length;
    this.#counters.bytesToClient += passed.length;
    if (this.#replyLeft > 0) {
      this.#pass(this.#client, passed);
      return;
    }
    // The cut must not overtake what the client was still to see.
    this.#client.write(passed, () => this.cut());
  }

  #begin({ kind, delayMs = 100, bytes = 1 }: Fault): void {
    if (kind === 'drop') this.#dropping = true;
    else if (kind === 'delay') this.#delayMs = delayMs;
    else if (kind === 'cut-before') this.cut();
    else if (kind === 'cut-after') this.#finishing = true;
    else this.#replyLeft = bytes;
  }

  #pass(to: Socket, bytes: Buffer): void {
    if (this.#delayMs === 0) to.write(bytes);
    else {
      setTimeout(() => {
        if (!to.destroyed) to.write(bytes);
      }, this.#delayMs);
    }
  }
}
