/**
 * Bytes written and read in order: unsigned big-endian numbers, and pieces that tell their
 * length first. Reading past the end throws `record_unreadable` and never answers less
 * than was stored. Knows no record.
 */
import { Buffer } from 'node:buffer';
import { crc32 } from 'node:zlib';
import { unreadable } from '../stored-form/checked-outcome.ts';

/** Widths of numbers in bytes. */
export type Width = 1 | 2 | 3 | 4 | 6;

const firstBytes = 4096;
const mostBytesHeld = 512 * 1024;
// The first byte of a text: its length, or one of these.
const none = 0xff;
const long = 0xfe;
const uuid = 0xfd;
const dash = 0x2d;
/** What is too large for so many bytes. */
const limits: Readonly<Record<Width, number>> = { 1: 2 ** 8, 2: 2 ** 16, 3: 2 ** 24, 4: 2 ** 32, 6: 2 ** 48 };
// Up to so many characters a loop of our own is faster than the way out of JavaScript.
const shortText = 64;
const noDigit = 0x10;
/** What a character code below 128 is worth as a lowercase hexadecimal digit. As small as it is, it stays in the cache. */
const valueOf = new Uint8Array(128).fill(noDigit);
for (let value = 0; value < noDigit; value++) valueOf[value.toString(noDigit).charCodeAt(0)] = value;

function hasDashes(text: string): boolean {
  return (
    text.charCodeAt(8) === dash &&
    text.charCodeAt(13) === dash &&
    text.charCodeAt(18) === dash &&
    text.charCodeAt(23) === dash
  );
}

/** A UUID as it is usually written. */
function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** Grows as it is written; `take` hands out a copy, so that one serves all calls of a store. */
export class ByteWriter {
  #bytes = Buffer.allocUnsafeSlow(firstBytes);
  #length = 0;

  /** A number of so many bytes; larger ones throw a RangeError. */
  number(value: number, width: Width): this {
    this.#room(width);
    this.#write(this.#length, value, width);
    this.#length += width;
    return this;
  }

  // Node's own writer takes several times as long over its checks.
  #write(at: number, value: number, width: Width): void {
    if (!(value >= 0 && value < limits[width]))
      throw new RangeError(`redis: ${value} does not fit into ${width} bytes`);
    const bytes = this.#bytes;
    let rest = value;
    for (let place = at + width - 1; place >= at; place--) {
      bytes[place] = rest;
      rest = rest > 0xffffffff ? Math.floor(rest / 256) : rest >>> 8;
    }
  }

  /** Bytes without their length. */
  raw(bytes: Uint8Array): this {
    this.#room(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
    return this;
  }

  /** Text in UTF-8 without its length. */
  rawText(text: string): this {
    // Three bytes are the most that one unit of UTF-16 takes.
    this.#room(text.length * 3);
    if (text.length > shortText || !this.#ascii(text)) {
      this.#length += this.#bytes.write(text, this.#length, 'utf8');
    }
    return this;
  }

  #ascii(text: string): boolean {
    const bytes = this.#bytes;
    const from = this.#length;
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code > 0x7f) return false;
      bytes[from + index] = code;
    }
    this.#length += text.length;
    return true;
  }

  /** Lowercase hexadecimal digits from `from` to `to` as bytes; false, and nothing is written, when there are others. */
  hex(digits: string, from = 0, to: number = digits.length): boolean {
    this.#room((to - from) >> 1);
    const bytes = this.#bytes;
    let at = this.#length;
    let codes = 0;
    let values = 0;
    for (let index = from; index + 1 < to; index += 2) {
      const one = digits.charCodeAt(index);
      const other = digits.charCodeAt(index + 1);
      const high = valueOf[one & 0x7f] as number;
      const low = valueOf[other & 0x7f] as number;
      codes |= one | other;
      values |= high | low;
      bytes[at++] = (high << 4) | low;
    }
    if (codes > 0x7f || values >= noDigit) return false;
    this.#length = at;
    return true;
  }

  /** Leaves room for the length of a piece that begins here; `end` takes the answer. */
  begin(width: Width): number {
    this.#room(width);
    this.#length += width;
    return this.#length;
  }

  /** Writes a number over the `width` bytes in front of `from`, where `begin` left room for it. */
  put(from: number, value: number, width: Width): this {
    this.#write(from - width, value, width);
    return this;
  }

  /** Writes the length of the piece that began at `from`. A longer piece than `width` can tell throws a RangeError that names it. */
  end(from: number, width: Width, what: string): this {
    const length = this.#length - from;
    if (length >= 256 ** width) {
      throw new RangeError(`redis: ${what} takes ${length} bytes; ${256 ** width - 1} is the most`);
    }
    return this.put(from, length, width);
  }

  /** Text in UTF-8, preceded by its length. */
  textPiece(text: string, width: Width, what: string): this {
    const from = this.begin(width);
    return this.rawText(text).end(from, width, what);
  }

  /** A text that may be null, in one byte more than it has where it is short; keys are often UUIDs and take seventeen. */
  text(text: string | null): this {
    if (text === null) return this.number(none, 1);
    if (this.#uuid(text)) return this;
    const isShort = text.length * 3 < uuid || Buffer.byteLength(text) < uuid;
    return isShort ? this.textPiece(text, 1, 'a label') : this.number(long, 1).textPiece(text, 4, 'a label');
  }

  /** A UUID in its sixteen bytes; false, and nothing is written, for another text. */
  #uuid(text: string): boolean {
    if (text.length !== 36 || !hasDashes(text)) return false;
    const begins = this.#length;
    this.number(uuid, 1);
    const isUuid =
      this.hex(text, 0, 8) &&
      this.hex(text, 9, 13) &&
      this.hex(text, 14, 18) &&
      this.hex(text, 19, 23) &&
      this.hex(text, 24, 36);
    if (!isUuid) this.#length = begins;
    return isUuid;
  }

  /** The checksum of what was written since `from`, begun with `seed`. */
  crc32(from: number, seed: number): number {
    return crc32(this.#bytes.subarray(from, this.#length), seed);
  }

  /** How much is written; `back` forgets what came after. */
  get length(): number {
    return this.#length;
  }

  /** Forgets what was written after `length`. */
  back(length: number): void {
    this.#length = length;
  }

  /** A copy of all that was written; the next call begins anew. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    // One large body must not be held for the life of the process.
    if (this.#bytes.length > mostBytesHeld) this.#bytes = Buffer.allocUnsafeSlow(firstBytes);
    return taken;
  }

  #room(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }
}

/** Reads from front to back. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Whether everything was read. */
  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** A number of so many bytes. */
  number(width: Width): number {
    const at = this.#take(width);
    return this.#bytes.readUIntBE(at, width);
  }

  /** So many bytes, shared with what is read from. */
  raw(length: number): Buffer {
    const at = this.#take(length);
    return this.#bytes.subarray(at, at + length);
  }

  /** A piece that tells its length first. */
  piece(width: Width): Buffer {
    return this.raw(this.number(width));
  }

  /** A text that may be null. */
  text(): string | null {
    const length = this.number(1);
    if (length === none) return null;
    if (length === uuid) return uuidText(this.raw(16));
    return (length === long ? this.piece(4) : this.raw(length)).toString('utf8');
  }

  /** Everything that is left. */
  rest(): Buffer {
    return this.raw(this.#bytes.length - this.#at);
  }

  #take(length: number): number {
    const at = this.#at;
    this.#at += length;
    if (this.#at > this.#bytes.length) throw unreadable('it ends too early');
    return at;
  }
}

/** Bytes without Node's own kind of buffer around them. */
export function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
