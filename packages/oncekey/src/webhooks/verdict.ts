/**
 * What a provider says of a delivery: who signed it and what it is, or why it is not to be
 * believed. Only what is signed may become the key: whoever has seen one delivery can send
 * it again with any unsigned header he likes.
 */
import type { MaybePromise } from '../core/maybe.ts';

/** One delivery as it came. */
export interface Delivery {
  /** The one line of a header, by its lower-case name; undefined when absent or sent more than once. */
  header(name: string): string | undefined;
  readonly body: Uint8Array;
  /** The body as UTF-8 text. */
  readonly text: string;
  /** Unix milliseconds of its arrival. */
  readonly nowMs: number;
}

/** A delivery that its provider has signed. */
export interface Verified {
  readonly kind: 'verified';
  /** Names the event; part of what was signed, or made of it. 1 to 255 characters. */
  readonly id: string;
  /** Such as `invoice.paid`; null when the provider has none. */
  readonly type: string | null;
  /** The parsed body. */
  readonly payload: unknown;
  /** The provider's name for this delivery, for people; it need not be signed. */
  readonly deliveryId?: string;
}

/** Why a delivery is refused before anything is claimed. */
export type RefusedFor = 'signature' | 'timestamp' | 'id' | 'payload';

/** A delivery that is not to be believed, or cannot be used. */
export interface Refused {
  readonly kind: 'refused';
  readonly for: RefusedFor;
  /** What is wrong and what to do; the sender is told. */
  readonly reason: string;
}

/** Knows how one provider signs. */
export interface Provider {
  /** The first part of the scope, such as `stripe`. */
  readonly name: string;
  /** False for one that verifies without a shared secret, such as by a public key; default true. */
  readonly secret?: boolean;
  /** Throws a TypeError for a secret that cannot be one. */
  check?(secret: string): void;
  /** Called for each secret until one verifies. */
  verify(delivery: Delivery, secret: string): MaybePromise<Verified | Refused>;
}

/** A refusal. */
export function refused(why: RefusedFor, reason: string): Refused {
  return { kind: 'refused', for: why, reason };
}

const refusals: ReadonlySet<unknown> = new Set<RefusedFor>(['signature', 'timestamp', 'id', 'payload']);

/** The verdict, when it is one. Throws a TypeError for anything else: what is not said to be verified must not be believed. */
export function soundVerdict(verdict: Verified | Refused, provider: string): Verified | Refused {
  const {
    kind,
    id,
    deliveryId,
    for: why,
  } = (verdict ?? {}) as { [K in 'kind' | 'id' | 'deliveryId' | 'for']?: unknown };
  const isNamed = typeof id === 'string' && ['string', 'undefined'].includes(typeof (deliveryId ?? undefined));
  if (kind === 'verified' ? isNamed : kind === 'refused' && refusals.has(why)) return verdict;
  const message = `webhooks: verify of the provider ${provider} gave no verdict, so nothing was claimed`;
  throw new TypeError(
    `${message}; let it give { kind: 'verified', id, type, payload } or { kind: 'refused', for, reason }`,
  );
}

/** The body as JSON, handed to `use`; a refusal when it is none. */
export function withJson({ text }: Delivery, use: (payload: unknown) => Verified | Refused): Verified | Refused {
  let payload: unknown;
  try {
    payload = JSON.parse(text) as unknown;
  } catch {
    return refused('payload', 'the body is not JSON; have the provider send application/json');
  }
  return use(payload);
}

/** How old or early a signed moment may be, unless a provider is told otherwise: 5 minutes. */
export const defaultToleranceMs = 300_000;

/** A refusal when the signed moment (Unix seconds, as text) is too far from now; undefined when it is fine. */
export function staleness(seconds: string | undefined, nowMs: number, toleranceMs: number): Refused | undefined {
  if (seconds === undefined || !/^\d{1,12}$/.test(seconds)) {
    return refused('timestamp', 'the signed timestamp is missing or is no number of seconds');
  }
  const offMs = nowMs - Number(seconds) * 1000;
  if (Math.abs(offMs) <= toleranceMs) return undefined;
  const off = `${Math.round(Math.abs(offMs) / 1000)} s ${offMs > 0 ? 'ago' : 'ahead'}`;
  const reason = `it was signed ${off}, beyond the tolerance of ${toleranceMs / 1000} s; check both clocks, or send it anew`;
  return refused('timestamp', reason);
}

/** `toleranceMs`, checked. Throws a TypeError that names it. */
export function soundTolerance(toleranceMs: number = defaultToleranceMs, longestMs = 86_400_000): number {
  if (Number.isSafeInteger(toleranceMs) && toleranceMs >= 1000 && toleranceMs <= longestMs) return toleranceMs;
  throw new TypeError(`toleranceMs is ${String(toleranceMs)}; use a whole number from 1000 to ${longestMs}`);
}
