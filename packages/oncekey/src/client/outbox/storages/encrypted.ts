/**
 * A storage whose entries are sealed with AES-256-GCM (WebCrypto) before another storage
 * keeps them; the entry's id is bound to its text, so that texts cannot be swapped. Ids,
 * lanes, states and sizes stay readable. A wrong key fails closed: `storage_unusable`.
 */
import { storageUnusable, type OutboxStorage, type Row } from '../storage.ts';

/** A key that `crypto.subtle` made: AES-GCM, usable to encrypt and decrypt. */
export type SealingKey = Parameters<typeof crypto.subtle.encrypt>[1];

const ivBytes = 12;

/** Seals what `storage` keeps with `key`. Keep the key where only the signed-in user can get it. */
export function encryptedStorage(storage: OutboxStorage, key: SealingKey): OutboxStorage {
  const opened = async (row: Row | undefined): Promise<Row | undefined> =>
    row === undefined ? undefined : { ...row, data: await unseal(storage.name, key, row.id, row.data) };
  const all = async (rows: readonly Row[]): Promise<Row[]> =>
    Promise.all(rows.map(async (row) => (await opened(row)) as Row));
  return {
    ...storage,
    async commit(commit) {
      const rows = await Promise.all(
        (commit.rows ?? []).map(async (row) => ({ ...row, data: await seal(key, row.id, row.data) })),
      );
      const answer = await storage.commit({ ...commit, rows });
      return answer.kind === 'stored' ? { kind: 'stored', rows: await all(answer.rows) } : answer;
    },
    read: async (id) => opened(await storage.read(id)),
    head: async (lane) => opened(await storage.head(lane)),
    latest: async (state, limit) => all(await storage.latest(state, limit)),
    list: async (state, afterSeq, limit) => all(await storage.list(state, afterSeq, limit)),
  };
}

async function seal(key: SealingKey, id: string, data: string): Promise<string> {
  const encoder = new TextEncoder();
  const iv = crypto.getRandomValues(new Uint8Array(ivBytes));
  const algorithm = { name: 'AES-GCM', iv, additionalData: encoder.encode(id) };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(algorithm, key, encoder.encode(data)));
  return base64Of(iv) + base64Of(sealed);
}

async function unseal(storage: string, key: SealingKey, id: string, text: string): Promise<string> {
  try {
    const bytes = bytesOf(text);
    const algorithm = { name: 'AES-GCM', iv: bytes.subarray(0, ivBytes), additionalData: new TextEncoder().encode(id) };
    return new TextDecoder().decode(await crypto.subtle.decrypt(algorithm, key, bytes.subarray(ivBytes)));
  } catch (cause) {
    throw storageUnusable(storage, `the entry ${id} was sealed with another key, or altered`, cause);
  }
}

/** Bytes in base64. */
export function base64Of(bytes: Uint8Array): string {
  let text = '';
  // In pieces: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** The bytes of base64. */
export function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
