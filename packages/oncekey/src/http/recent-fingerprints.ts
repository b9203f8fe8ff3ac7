/**
 * Fingerprints of the inputs seen last, by a digest of their exact bytes: a repeat that
 * comes soon, which is when repeats come, is not parsed and written canonically again.
 * Bounded; of bodies it holds digests only, and beside them what else was said: method,
 * target, Content-Type and the headers that count.
 */
import type { Fingerprint } from '../core/store.ts';

const most = 1024;

interface Known {
  readonly said: readonly string[];
  readonly fingerprint: Fingerprint | null;
}

/** A bounded memory of fingerprints: full, it forgets them all and begins again. */
export class RecentFingerprints {
  readonly #known = new Map<string, Known>();

  /** The fingerprint of the bytes with this digest that came with all that is `said`; made by `make` where it is not remembered. */
  of(bytes: string, said: readonly string[], make: () => Fingerprint | null): Fingerprint | null {
    const known = this.#known.get(bytes);
    if (known?.said.every((one, at) => one === said[at]) === true) return known.fingerprint;
    const fingerprint = make();
    if (this.#known.size >= most) this.#known.clear();
    this.#known.set(bytes, { said, fingerprint });
    return fingerprint;
  }
}
