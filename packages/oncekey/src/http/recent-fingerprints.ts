/**
 * Fingerprints of the inputs seen last, by a digest of their exact bytes: a repeat that
 * comes soon, which is when repeats come, is not parsed and written canonically again.
 * Bounded; it holds digests only, nothing of what they were made of.
 */
import type { Fingerprint } from '../core/store.ts';

/** Inputs a generation holds; two generations are kept. */
const generationSize = 512;

/** A bounded memory of fingerprints: what was not asked for during a whole generation is forgotten. */
export class RecentFingerprints {
  #young = new Map<string, Fingerprint>();
  #old = new Map<string, Fingerprint>();

  /** The fingerprint of these exact bytes, made by `make` where it is not remembered. */
  of(exact: string, make: () => Fingerprint): Fingerprint {
    const young = this.#young.get(exact);
    if (young !== undefined) return young;
    const fingerprint = this.#old.get(exact) ?? make();
    if (this.#young.size >= generationSize) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(exact, fingerprint);
    return fingerprint;
  }
}
