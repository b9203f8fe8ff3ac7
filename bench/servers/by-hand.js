/**
 * What a careful engineer writes in a page: answers in a Map by scope and key, the body's
 * digest against another input, 409 while the first runs, a day of retention within a bound.
 * No lease, no takeover, no streams, no search. The middleware of each framework stands on it.
 */
import { hash } from 'node:crypto';

const retentionMs = 86_400_000;
const maxRecords = 100_000;

/**
 * @template A
 * @typedef {object} Entry
 * @property {string} fingerprint
 * @property {number} endsAtMs Infinity while the first runs.
 * @property {A | undefined} answer
 *
 * @typedef {object} Refusal
 * @property {number} status
 * @property {string} detail
 */

/**
 * The answers so far, in whatever form a framework takes them.
 * @template {{ status: number }} A
 */
export class AnswersByHand {
  /** @type {Map<string, Entry<A>>} */
  #entries = new Map();

  /**
   * Tells what to do: refuse, repeat the answer, or run and say what was answered, undefined for an answer that broke off.
   * @param {string | undefined} scope
   * @param {string} key
   * @param {string} asked What the key is to stand for: method, target and body.
   * @returns {{ refusal: Refusal } | { answer: A } | { done: (answer: A | undefined) => void }}
   */
  begin(scope, key, asked) {
    if (scope === undefined) return { refusal: { status: 401, detail: 'whose key is this?' } };
    const id = JSON.stringify([scope, key]);
    const fingerprint = hash('sha256', asked);
    const known = this.#entries.get(id);
    if (known !== undefined && known.endsAtMs > Date.now()) return told(known, fingerprint);
    this.#entries.delete(id);
    this.#makeRoom();
    /** @type {Entry<A>} */
    const entry = { fingerprint, endsAtMs: Infinity, answer: undefined };
    this.#entries.set(id, entry);
    return {
      done: (answer) => {
        if (answer === undefined || answer.status >= 500) return void this.#entries.delete(id);
        entry.answer = answer;
        entry.endsAtMs = Date.now() + retentionMs;
      },
    };
  }

  /** Lets the oldest finished answer go when there are too many. */
  #makeRoom() {
    if (this.#entries.size < maxRecords) return;
    for (const [id, { answer }] of this.#entries) {
      if (answer === undefined) continue;
      this.#entries.delete(id);
      return;
    }
  }
}

/**
 * @template A
 * @param {Entry<A>} known
 * @param {string} asked The fingerprint of this request.
 * @returns {{ refusal: Refusal } | { answer: A }}
 */
function told({ answer, fingerprint }, asked) {
  if (fingerprint !== asked) return { refusal: { status: 422, detail: 'this key came before with another request' } };
  if (answer === undefined) return { refusal: { status: 409, detail: 'the first request is still running' } };
  return { answer };
}
