/**
 * What makes two requests the same input (rule 3): method, origin-form target, media
 * type and body, JSON by value and multipart by parts. The algorithm is written in front
 * of the digest, and the same input can be digested anew by the algorithm of an older
 * record, so that a changed option or a moved body parser is never a false conflict (I6).
 */
import { IdempotencyError } from '../core/errors.ts';
import { sha256 } from '../core/digest.ts';
import { digest } from '../core/fingerprint.ts';
import type { MaybePromise } from '../core/maybe.ts';
import type { Fingerprint } from '../core/store.ts';
import { canonicalBytes, canonicalValue } from './canonical.ts';
import type { multipartParts } from './multipart.ts';
import type { RecentFingerprints } from './recent-fingerprints.ts';
import type { AskHead, AskBody } from './seam.ts';
import type { Settings } from './settings.ts';

/**
 * `h1j`: JSON bytes by value; `h1p`: a body parser's value; `h1b`: bytes; `h1m`: multipart by parts;
 * `h1x`: method, target and bytes only.
 */
type Algorithm = 'h1j' | 'h1p' | 'h1b' | 'h1m' | 'h1x';

const jsonType = /^(?:application\/json|[^/]+\/[^/]+\+json)$/;

/** Loaded by the first multipart body: most servers never see one. */
let split: typeof multipartParts | undefined;

/** One request's input, as read. */
export function readInput(
  settings: Settings,
  ask: AskHead,
  target: string,
  body: Exclude<AskBody, { kind: 'too-large' }>,
): MaybePromise<RequestInput> {
  const input = new RequestInput(settings, ask, target, body);
  if (split !== undefined || !input.isMultipart) return input;
  return import('./multipart.ts').then((loaded) => {
    split = loaded.multipartParts;
    return input;
  });
}

/** What {@link readInput} read. */
export class RequestInput {
  readonly #settings: Settings;
  readonly #ask: AskHead;
  readonly #target: string;
  readonly #body: Exclude<AskBody, { kind: 'too-large' }>;
  readonly #contentType: string;
  readonly #mediaType: string;

  constructor(settings: Settings, ask: AskHead, target: string, body: Exclude<AskBody, { kind: 'too-large' }>) {
    this.#settings = settings;
    this.#ask = ask;
    this.#target = target;
    this.#body = body;
    this.#contentType = ask.headerLines('content-type')[0] ?? '';
    this.#mediaType = mediaTypeOf(this.#contentType);
  }

  get isMultipart(): boolean {
    return this.#mediaType.startsWith('multipart/');
  }

  /** The digest by the configured algorithm; null where the first request with a key wins whatever it is. */
  fingerprint(recent: RecentFingerprints): Fingerprint | null {
    const { fingerprint, maxCanonicalBytes } = this.#settings;
    if (fingerprint === 'none') return null;
    const body = this.#body;
    if (body.kind === 'parsed') return this.#parsed();
    if (fingerprint === 'exact') return this.#exact(body.bytes);
    if (body.bytes.length > maxCanonicalBytes || !jsonType.test(this.#mediaType)) {
      return this.by('h1m') ?? this.#bytes(body.bytes);
    }
    // None of these holds a line break, so that the text says exactly what it was made of.
    const said = [this.#ask.method, this.#target, this.#contentType, this.#encoding(), ...this.#headers()].join('\n');
    const exact = `${sha256(body.bytes, 'base64url')}\n${said}`;
    return recent.of(exact, () => this.by('h1j') ?? this.#bytes(body.bytes));
  }

  /** The digest by another algorithm; null when this input has none, as a parsed body has no bytes. */
  by(algorithm: string): Fingerprint | null {
    switch (algorithm as Algorithm) {
      case 'h1j':
      case 'h1p': {
        const text = this.#canonicalText();
        return text === null ? null : this.#digest(algorithm, [this.#mediaType, ...this.#headers(), text]);
      }
      case 'h1m': {
        const parts = this.#parts();
        return parts === null ? null : this.#digest(algorithm, [this.#mediaType, ...this.#headers(), ...parts]);
      }
      case 'h1b':
        return this.#body.kind === 'parsed' ? null : this.#bytes(this.#body.bytes);
      case 'h1x':
        return this.#body.kind === 'parsed' ? null : this.#exact(this.#body.bytes);
      default:
        return null;
    }
  }

  #bytes(bytes: Uint8Array): Fingerprint {
    return this.#digest('h1b', [this.#mediaType, this.#encoding(), ...this.#headers(), bytes]);
  }

  #exact(bytes: Uint8Array): Fingerprint {
    return this.#digest('h1x', [...this.#headers(), bytes]);
  }

  #parsed(): Fingerprint {
    const fingerprint = this.by('h1p');
    if (fingerprint !== null) return fingerprint;
    const message =
      'the parsed body has no canonical JSON (nested too deeply or in itself, or broken text); put the idempotency entry in front of the body parser';
    throw new IdempotencyError('field_invalid', message, { field: 'body', reason: 'no canonical JSON' });
  }

  #canonicalText(): string | null {
    if (this.#body.kind === 'parsed') return canonicalValue(this.#body.value);
    if (!jsonType.test(this.#mediaType) || this.#encoding() !== '') return null;
    return canonicalBytes(this.#body.bytes);
  }

  #parts(): Uint8Array[] | null {
    const body = this.#body;
    const isWhole = body.kind === 'bytes' && this.isMultipart && this.#encoding() === '';
    return isWhole ? (split?.(this.#contentType, body.bytes) ?? null) : null;
  }

  #encoding(): string {
    return this.#ask.headerLines('content-encoding').join(',').trim().toLowerCase();
  }

  #headers(): string[] {
    return this.#settings.fingerprintHeaders.map((name) => `${name}:${this.#ask.headerLines(name).join(',')}`);
  }

  #digest(algorithm: string, parts: readonly (string | Uint8Array)[]): Fingerprint {
    return digest(algorithm, [this.#ask.method, this.#target, ...parts]);
  }
}

function mediaTypeOf(contentType: string): string {
  const end = contentType.indexOf(';');
  return (end === -1 ? contentType : contentType.slice(0, end)).trim().toLowerCase();
}
