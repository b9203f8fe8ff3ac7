/**
 * The one error class of the client. It stands apart from the engine's, whose code the
 * client does not carry; answers of the server are never errors here, they are answers.
 */

/** What each code tells beyond its message. */
export interface ClientErrorDetails {
  /** A given key cannot be sent. */
  key_invalid: { reason: string };
  /** A one-shot body is larger than what may be kept for the next attempt. */
  body_too_large: { limitBytes: number };
  /** No attempt got an answer: offline, unreachable, cut off. What the server did is unknown. */
  unreachable: { key: string; attempts: number };
  /** The last attempt took longer than `attemptTimeoutMs`, or the deadline was over. What the server did is unknown. */
  timed_out: { key: string; attempts: number };
  /** The answer leads to another origin, where the key must not go. */
  redirected_elsewhere: { key: string; attempts: number; location: string };
  /** The answer is for another key: something in between mixes answers up. */
  wrong_echo: { key: string; attempts: number; echoed: string };
  /** A field of an entry cannot be used. */
  entry_invalid: { field: string; reason: string };
  /** There is no entry with this id. */
  entry_unknown: { id: string };
  /** The entry is not in a state in which this can be done. */
  entry_state: { id: string; state: string };
  /** The entry was cancelled or discarded; it has no result. */
  entry_gone: { id: string };
  /** The entry may have taken effect already; doing this could make a second one. */
  effect_unknown: { id: string };
  /** The outbox holds as much as it may. Nothing was added. */
  outbox_full: { limit: 'entries' | 'bytes'; max: number };
  /** The device has no room left. Nothing was added or changed. */
  storage_full: { storage: string };
  /** The storage answers, but must not be used: corrupt, of a newer version, sealed with another key. */
  storage_unusable: { storage: string; reason: string };
}

/** Stable name of what went wrong; each has a heading in docs/reference/client.md. */
export type ClientErrorCode = keyof ClientErrorDetails;

const brand: unique symbol = Symbol.for('oncekey.ClientError') as never;

/** Thrown by the client. Its message says what happened and what to do. */
export class ClientError<C extends ClientErrorCode = ClientErrorCode> extends Error {
  override readonly name = 'ClientError';
  readonly code: C;
  readonly details: ClientErrorDetails[C];

  /** The code is put in front of `message`. */
  constructor(code: C, message: string, details: ClientErrorDetails[C], options?: { cause?: unknown }) {
    super(`[${code}] ${message}`, options);
    this.code = code;
    this.details = details;
    Object.defineProperty(this, brand, { value: true });
  }

  /** Whether `value` is one, also across two copies of this package; with `code`, of that code. */
  static is<C extends ClientErrorCode = ClientErrorCode>(value: unknown, code?: C): value is ClientError<C> {
    if (typeof value !== 'object' || value === null || !(brand in value)) return false;
    return code === undefined || (value as unknown as ClientError).code === code;
  }
}
