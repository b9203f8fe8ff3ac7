/**
 * Random answers and their replays over real connections (I4): each request is sent twice with its key; the first answer
 * must have the bytes that the handler wrote, and the second be equal to it, body and header lines, with the marker.
 */
import { Agent, createServer, request as ask, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Store } from 'oncekey';
import { idempotency } from 'oncekey/node';
import { randomBy } from '../faults/seed.ts';
import { Tally } from '../faults/tally.ts';
import { randomAnswer, writeAnswer, type RandomAnswer } from './random-answer.ts';

/** How many answers, and by which chance. */
export interface ReplayPlan {
  readonly answers: number;
  readonly seed: number;
  /** Ends it early; what was counted stands. */
  readonly signal?: AbortSignal;
  /** Hears of each answer that has been judged. */
  readonly step?: () => void;
}

interface Seen {
  readonly status: number;
  readonly lines: readonly string[];
  readonly body: Buffer;
}

const connections = 8;
const ofOneSending = /^(date|connection|keep-alive|content-length|transfer-encoding): /;
const marker = 'idempotent-replayed: true';

/** Plays answers over `store`. */
export async function playReplays(store: Store, { answers, seed, signal, step }: ReplayPlan): Promise<Tally> {
  const tally = new Tally();
  const drawn = (number: number): RandomAnswer => randomAnswer(randomBy((seed + Math.imul(number, 0x9e3779b1)) | 0));
  const once = idempotency({ store, scope: 'public', serverErrors: 'store' });
  const server = createServer(
    once(({ url = '' }, response) => writeAnswer(drawn(Number(url.slice(1))), response)) as () => void,
  );
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < answers && signal?.aborted !== true) {
      const number = next++;
      const [first, replay] = [await send(agent, port, seed, number), await send(agent, port, seed, number)];
      judge(tally, number, drawn(number), first, replay);
      step?.();
    }
  };
  try {
    await Promise.all(Array.from({ length: connections }, lane));
  } finally {
    agent.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  return tally;
}

function judge(tally: Tally, number: number, answer: RandomAnswer, first: Seen, replay: Seen): void {
  tally.runs++;
  tally.count(answer.pieces.length > 1 ? 'in pieces' : answer.pieces.length === 1 ? 'whole' : 'empty');
  const written = Buffer.concat(answer.pieces);
  const broken = (what: string) => () => `answer ${number}: ${what}; ${answer.status} ${answer.head}`;
  tally.expect(
    first.status === answer.status && first.body.equals(written),
    broken('the first is not what was written'),
  );
  tally.expect(!first.lines.includes(marker), broken('the first has the marker'));
  tally.expect(replay.lines.includes(marker), broken('the second is no replay'));
  tally.expect(replay.status === first.status && replay.body.equals(first.body), broken('the replay has other bytes'));
  const kept = ({ lines }: Seen): string =>
    lines.filter((line) => !ofOneSending.test(line) && line !== marker).join('\n');
  tally.expect(kept(replay) === kept(first), broken(`other headers: ${kept(first)} became ${kept(replay)}`));
}

function send(agent: Agent, port: number, seed: number, number: number): Promise<Seen> {
  const headers = { 'Idempotency-Key': `${seed}-${number}` };
  return new Promise((resolve, reject) => {
    const sent = ask({ agent, port, host: '127.0.0.1', method: 'POST', path: `/${number}`, headers });
    sent.on('response', (response: IncomingMessage) => {
      readWhole(response).then(resolve, reject);
    });
    sent.on('error', reject);
    sent.end('{}');
  });
}

async function readWhole(response: IncomingMessage): Promise<Seen> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const lines: string[] = [];
  const { rawHeaders, statusCode = 0 } = response;
  for (let at = 0; at < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at]?.toLowerCase()}: ${rawHeaders[at + 1]}`);
  return { status: statusCode, lines: lines.sort(), body: Buffer.concat(chunks) };
}
