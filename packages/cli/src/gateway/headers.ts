/**
 * Header lines across a hop, both ways: what belongs to one connection stays on it
 * (RFC 9110 section 7.6.1), everything else passes as it came, line by line, in order.
 *
 * Upstream gets its own host; what the client asked for goes along as X-Forwarded-Host.
 * X-Forwarded-For grows by the client's address, -Host and -Proto are set where a proxy in
 * front has not set them, Via names this hop. Trailers are dropped both ways.
 */
import type { HeaderLine } from 'oncekey';

const ofTheConnection: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** What one pass over a request's raw header lines finds. */
export interface RequestHead {
  /** Name and value in turns, as received. */
  readonly raw: readonly string[];
  /** The names in lower case, one a line. */
  readonly names: readonly string[];
  /** Null when none was declared. */
  readonly contentLength: number | null;
  readonly hasBody: boolean;
  readonly hostLines: number;
  /** Names that the Connection header declares to be of this hop. */
  readonly named: readonly string[];
}

/** Reads what the gateway itself needs to know. The parser has refused contradictory framing already. */
export function readHead(raw: readonly string[]): RequestHead {
  const names: string[] = [];
  let contentLength: number | null = null;
  let chunked = false;
  let hostLines = 0;
  let named = none;
  for (let index = 0; index < raw.length; index += 2) {
    const name = (raw[index] ?? '').toLowerCase();
    names.push(name);
    if (name === 'content-length') contentLength = Number(raw[index + 1]);
    else if (name === 'transfer-encoding') chunked = true;
    else if (name === 'host') hostLines += 1;
    else if (name === 'connection') named = named.concat(connectionNames(raw[index + 1] ?? ''));
  }
  return { raw, names, contentLength, hasBody: chunked || (contentLength ?? 0) > 0, hostLines, named };
}

/** The values of all lines with this name; `name` in lower case. */
export function linesOf(head: RequestHead, name: string): string[] {
  const lines: string[] = [];
  for (let index = 0; index < head.names.length; index += 1) {
    if (head.names[index] === name) lines.push(head.raw[2 * index + 1] ?? '');
  }
  return lines;
}

/** Who is asking, as upstream shall be told. */
export interface ClientFacts {
  readonly address: string;
  readonly encrypted: boolean;
  readonly httpVersion: string;
}

/** The request's lines for upstream, name and value in turns. `keepLength`: the body streams and keeps its declared length. */
export function towardsUpstream(head: RequestHead, client: ClientFacts, keepLength: boolean): string[] {
  const out: string[] = [];
  let forwardedFor = '';
  let via = '';
  let host = '';
  let [hasHost, hasProto] = [false, false];
  for (let index = 0; index < head.names.length; index += 1) {
    const name = head.names[index] ?? '';
    const value = head.raw[2 * index + 1] ?? '';
    if (ofTheConnection.has(name) || head.named.includes(name)) continue;
    if (name === 'host') host = value;
    else if (name === 'x-forwarded-for') forwardedFor += `${value}, `;
    else if (name === 'via') via += `${value}, `;
    // The gateway itself has said 100-continue, or has the body already.
    else if (name === 'expect' || (name === 'content-length' && !keepLength)) continue;
    else {
      if (name === 'x-forwarded-host') hasHost = true;
      else if (name === 'x-forwarded-proto') hasProto = true;
      out.push(head.raw[2 * index] ?? '', value);
    }
  }
  out.push('x-forwarded-for', forwardedFor + client.address);
  if (!hasHost && host !== '') out.push('x-forwarded-host', host);
  if (!hasProto) out.push('x-forwarded-proto', client.encrypted ? 'https' : 'http');
  out.push('via', `${via}${client.httpVersion} oncekey`);
  return out;
}

/** An answer's lines for the client, from upstream's raw ones. */
export function towardsClient(raw: readonly (Buffer | string)[]): HeaderLine[] {
  const lines: HeaderLine[] = [];
  let named: string[] | undefined;
  let dropped = false;
  for (let index = 0; index < raw.length; index += 2) {
    const name = textOf(raw[index]);
    const lower = name.toLowerCase();
    if (lower === 'connection') {
      const more = connectionNames(textOf(raw[index + 1]));
      if (more.length > 0) named = [...(named ?? []), ...more];
    }
    if (ofTheConnection.has(lower)) dropped = true;
    else lines.push([name, textOf(raw[index + 1])]);
  }
  if (!dropped || named === undefined) return lines;
  return lines.filter(([name]) => !named.includes(name.toLowerCase()));
}

function textOf(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : (bytes?.toString('latin1') ?? '');
}

const none: readonly string[] = [];

function connectionNames(value: string): readonly string[] {
  const lower = value.toLowerCase();
  if (lower === 'keep-alive' || lower === 'close') return none;
  return lower.split(',').map((name) => name.trim());
}
