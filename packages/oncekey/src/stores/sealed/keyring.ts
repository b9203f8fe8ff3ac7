/**
 * Where keys come from. A key that is not there any more is undefined and never an
 * excuse: what it sealed stays unreadable, and nothing runs again for it. A ring of one's
 * own (a key for each tenant, in a key service) implements the interface; {@link keyring}
 * is the one of a service that keeps its few keys in its settings.
 */
import type { MaybePromise } from '../../core/maybe.ts';

/** A key with the name that is kept beside what it sealed. */
export interface SealingKey {
  /** 1–255 bytes of UTF-8; never used for another key again. */
  readonly id: string;
  /** 32 bytes. One key seals at most 2^32 messages; rotate it sooner. */
  readonly bytes: Uint8Array;
}

/** The keys of a sealed store. */
export interface Keyring {
  /** What new data of this scope is sealed with; undefined when the scope's key was destroyed: its claims are refused. */
  sealing(scope: readonly string[]): MaybePromise<SealingKey | undefined>;
  /** The 32 bytes of a key that sealed before; undefined once it was destroyed: what it sealed is gone. */
  opening(keyId: string): MaybePromise<Uint8Array | undefined>;
  /** 32 bytes that make the tags which records are found by. Not rotated: other tags find no older record. */
  readonly tagKey: Uint8Array;
}

/** A ring with one key for everybody, and older ones to read with. */
export interface KeyringOptions {
  /** Keys of 32 bytes by their ids. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
  /** The id of the one that seals. */
  readonly current: string;
  readonly tagKey: Uint8Array;
}

/** A ring of keys in memory. To rotate, add a key and make it current; take the old one away when its records are over. Throws a TypeError for a wrong key. */
export function keyring({ keys, current, tagKey }: KeyringOptions): Keyring {
  const ring = new Map(Object.entries(keys));
  for (const [id, bytes] of ring) {
    checkKey(`keys[${JSON.stringify(id)}]`, bytes);
    checkKeyId(id);
  }
  checkKey('tagKey', tagKey);
  const bytes = ring.get(current);
  if (bytes === undefined)
    throw new TypeError(`keyring: current names ${JSON.stringify(current)}, which is not in keys`);
  const sealing = { id: current, bytes };
  return { tagKey, sealing: () => sealing, opening: (id) => ring.get(id) };
}

/** Throws a TypeError unless it is a key of 32 bytes. */
export function checkKey(name: string, key: unknown): asserts key is Uint8Array {
  if (key instanceof Uint8Array && key.byteLength === 32) return;
  throw new TypeError(`keyring: ${name} must be 32 bytes`);
}

/** Throws a TypeError unless a key can be named so. */
export function checkKeyId(id: string): void {
  const length = new TextEncoder().encode(id).byteLength;
  if (length < 1 || length > 255)
    throw new TypeError(`keyring: the key id ${JSON.stringify(id)} must have 1 to 255 bytes`);
}
