/**
 * Bytes written and read in order: unsigned big-endian numbers, and pieces that tell their
 * length first. Reading past the end throws `record_unreadable` and never answers less
 * than was stored. Knows no record.
 */
import { unreadable } from '../stored-form/checked-outcome.ts';

/** Widths of numbers in bytes. */
export type Width = 1 | 2 | 3 | 4 | 6;

const firstBytes = 4096;
const mostBytesHeld = 512 * 1024;
// The first byte of a text: its length, or one of these.
const none = 0xff;
const long = 0xfe;
const uuid = 0xfd;
const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text is a UUID as it is usually written. */
export function isUuid(text: string): boolean {
  return text.length === 36 && uuidForm.test(text);
}

/** A UUID as it is usually written. */
export function uuidText(bytes: Buffer): string {
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
    this.#length = this.#bytes.writeUIntBE(value, this.#length, width);
    return this;
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
    this.#length += this.#bytes.write(text, this.#length, 'utf8');
    return this;
  }

  /** Hexadecimal digits as bytes, without their length. */
  hex(digits: string): this {
    this.#room(digits.length >> 1);
    this.#length += this.#bytes.write(digits, this.#length, 'hex');
    return this;
  }

  /** Leaves room for the length of a piece that begins here; `end` takes the answer. */
  begin(width: Width): number {
    this.#room(width);
    this.#length += width;
    return this.#length;
  }

  /** Writes the length of the piece that began at `from`. A longer piece than `width` can tell throws a RangeError that names it. */
  end(from: number, width: Width, what: string): this {
    const length = this.#length - from;
    if (length >= 256 ** width) {
      throw new RangeError(`redis: ${what} takes ${length} bytes; ${256 ** width - 1} is the most`);
    }
    this.#bytes.writeUIntBE(length, from - width, width);
    return this;
  }

  /** Text in UTF-8, preceded by its length. */
  textPiece(text: string, width: Width, what: string): this {
    const from = this.begin(width);
    return this.rawText(text).end(from, width, what);
  }

  /** A UUID as its sixteen bytes. */
  uuid(text: string): this {
    return this.hex(text.replaceAll('-', ''));
  }

  /** A text that may be null, in one byte more than it has where it is short; keys are often UUIDs and take seventeen. */
  text(text: string | null): this {
    if (text === null) return this.number(none, 1);
    if (isUuid(text)) return this.number(uuid, 1).uuid(text);
    const isShort = text.length * 3 < uuid || Buffer.byteLength(text) < uuid;
    return isShort ? this.textPiece(text, 1, 'a label') : this.number(long, 1).textPiece(text, 4, 'a label');
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
