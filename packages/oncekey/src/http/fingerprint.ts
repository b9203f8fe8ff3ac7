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
  readonly #type: typeof last;

  constructor(settings: Settings, ask: AskHead, target: string, body: Exclude<AskBody, { kind: 'too-large' }>) {
    this.#settings = settings;
    this.#ask = ask;
    this.#target = target;
    this.#body = body;
    this.#type = typeOf(ask.headerLines('content-type')[0] ?? '');
  }

  get isMultipart(): boolean {
    return this.#type.media.startsWith('multipart/');
  }

  /** The digest by the configured algorithm; null where the first request with a key wins whatever it is. */
  fingerprint(recent: RecentFingerprints): Fingerprint | null {
    const { fingerprint, maxCanonicalBytes } = this.#settings;
    if (fingerprint === 'none') return null;
    const body = this.#body;
    if (body.kind === 'parsed') return this.#parsed();
    if (fingerprint === 'exact') return this.by('h1x');
    if (body.bytes.length > maxCanonicalBytes || !this.#type.isJson) return this.by('h1m') ?? this.by('h1b');
    const said = [this.#ask.method, this.#target, this.#type.line, this.#encoding(), ...this.#headers()];
    return recent.of(sha256(body.bytes, 'base64url'), said, () => this.by('h1j') ?? this.by('h1b'));
  }

  /** The digest by another algorithm; null when this input has none, as a parsed body has no bytes. */
  by(algorithm: string): Fingerprint | null {
    const parts = this.#digested(algorithm);
    return parts && digest(algorithm, [this.#ask.method, this.#target, ...parts]);
  }

  /** What an algorithm digests behind method and target. */
  #digested(algorithm: string): readonly (string | Uint8Array)[] | null {
    const body = this.#body;
    const { media } = this.#type;
    const headers = this.#headers();
    switch (algorithm as Algorithm) {
      case 'h1j':
      case 'h1p': {
        const text = this.#canonicalText();
        return text === null ? null : [media, ...headers, text];
      }
      case 'h1m': {
        const parts = this.#parts();
        return parts && [media, ...headers, ...parts];
      }
      case 'h1b':
        return body.kind === 'parsed' ? null : [media, this.#encoding(), ...headers, body.bytes];
      case 'h1x':
        return body.kind === 'parsed' ? null : [...headers, body.bytes];
      default:
        return null;
    }
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
    if (!this.#type.isJson || this.#encoding() !== '') return null;
    return canonicalBytes(this.#body.bytes);
  }

  #parts(): Uint8Array[] | null {
    const body = this.#body;
    const isWhole = body.kind === 'bytes' && this.isMultipart && this.#encoding() === '';
    return isWhole ? (split?.(this.#type.line, body.bytes) ?? null) : null;
  }

  #encoding(): string {
    const lines = this.#ask.headerLines('content-encoding');
    return lines.length === 0 ? '' : lines.join(',').trim().toLowerCase();
  }

  #headers(): string[] {
    return this.#settings.fingerprintHeaders.map((name) => `${name}:${this.#ask.headerLines(name).join(',')}`);
  }
}

let last = { line: '', media: '', isJson: false };

/** What a Content-Type means; read anew only where it is not the last one, which it mostly is. */
function typeOf(line: string): typeof last {
  if (line !== last.line) {
    const media = (line.split(';', 1)[0] ?? '').trim().toLowerCase();
    last = { line, media, isJson: jsonType.test(media) };
  }
  return last;
}
