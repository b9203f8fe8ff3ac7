/**
 * Names as a registry file has them: record ids and fingerprints over parts that are each
 * preceded by their length in bytes, 8 bytes big-endian, so that no two lists of parts meet.
 */
import { createHash } from 'node:crypto';

/** Record id in the file: `idem_` and the hexadecimal SHA-256 of organisation, workspace, deployment or `''`, operation and key. */
export function registryRecordId(
  [organisation, workspace, deployment]: readonly [
    organisation: string,
    workspace: string,
    deployment?: string | undefined,
  ],
  operation: string,
  key: string,
): string {
  return `idem_${framed([organisation, workspace, deployment ?? '', operation, key])}`;
}

/** Fingerprint of these parts: `sha256:` and 64 hexadecimal digits. */
export function registryFingerprint(parts: readonly (string | Uint8Array)[]): string {
  return `sha256:${framed(parts)}`;
}

function framed(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) {
    const bytes = Buffer.from(part);
    const length = Buffer.alloc(8);
    length.writeBigUInt64BE(BigInt(bytes.length));
    hash.update(length).update(bytes);
  }
  return hash.digest('hex');
}
