/**
 * Sealed bytes: AES-256-GCM under a named key, bound to what they are about. Bytes that
 * were changed, cut, moved to another record or to another place of the same one do not
 * open, and say so (RELIABILITY check 17). Knows nothing of records.
 */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { IdempotencyError } from '../../core/errors.ts';
import { checkKey, checkKeyId, type Keyring, type SealingKey } from './keyring.ts';

const algorithm = 'aes-256-gcm';
const version = 1;
const nonceBytes = 12;
const tagBytes = 16;

/** What is sealed: the record, the kind of thing in it and, where there are several, which one. */
export type About = readonly [id: string, kind: 'labels' | 'outcome' | 'step', which?: string];

/** Version, length of the key id, key id, nonce, tag, ciphertext. */
export function seal(key: SealingKey, plain: Uint8Array, about: About): Uint8Array {
  checkKey(`key ${JSON.stringify(key.id)}`, key.bytes);
  checkKeyId(key.id);
  const keyId = Buffer.from(key.id);
  const nonce = randomBytes(nonceBytes);
  const cipher = createCipheriv(algorithm, key.bytes, nonce).setAAD(bound(key.id, about));
  const sealed = [cipher.update(plain), cipher.final()];
  return Buffer.concat([Buffer.of(version, keyId.length), keyId, nonce, cipher.getAuthTag(), ...sealed]);
}

/** What was sealed. Throws `record_unreadable` when it is not what was sealed about this, or its key is gone. */
export async function open(ring: Keyring, envelope: Uint8Array, about: About): Promise<Buffer> {
  const bytes = Buffer.from(envelope.buffer, envelope.byteOffset, envelope.byteLength);
  if (bytes[0] !== version) throw unreadable('it is not sealed, or by a newer version');
  const keyEnd = 2 + (bytes[1] ?? 0);
  const start = keyEnd + nonceBytes + tagBytes;
  if (bytes.length < start) throw unreadable('its sealed bytes are cut');
  const keyId = bytes.toString('utf8', 2, keyEnd);
  const key = await ring.opening(keyId);
  if (key === undefined) throw unreadable(`the key ${JSON.stringify(keyId)} that sealed it is not in the keyring`);
  try {
    const decipher = createDecipheriv(algorithm, key, bytes.subarray(keyEnd, keyEnd + nonceBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(bound(keyId, about)).setAuthTag(bytes.subarray(keyEnd + nonceBytes, start));
    return Buffer.concat([decipher.update(bytes.subarray(start)), decipher.final()]);
  } catch (cause) {
    const reason = `its bytes do not open with the key ${JSON.stringify(keyId)}: damaged, cut, or of another record`;
    throw unreadable(reason, cause);
  }
}

/** A record that cannot be trusted. */
export function unreadable(reason: string, cause?: unknown): IdempotencyError<'record_unreadable'> {
  const message = `the sealed record cannot be used: ${reason}; nothing runs for it, inspect or erase it`;
  return new IdempotencyError('record_unreadable', message, { reason }, { cause });
}

function bound(keyId: string, about: About): Buffer {
  return Buffer.from(JSON.stringify(['oncekey.sealed', version, keyId, ...about]));
}
