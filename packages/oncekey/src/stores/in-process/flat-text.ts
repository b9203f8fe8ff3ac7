/**
 * Several texts in one string, each behind its length, and reading them back in order.
 * One string is one object: it keeps no other string alive, and a collector of garbage
 * moves and visits it once. Knows nothing of what the texts mean.
 */

const absent = 254;
const long = 255;
const marks: readonly string[] = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));

/** A count or a length: one character below 254, five beyond. */
export function flatCount(count: number): string {
  if (count < absent) return marks[count] ?? '';
  return marks[long] + String.fromCharCode(count >>> 24, (count >>> 16) & 255, (count >>> 8) & 255, count & 255);
}

/** A text or null behind its length. */
export function flatText(text: string | null): string {
  return text === null ? (marks[absent] ?? '') : flatCount(text.length) + text;
}

/** Reads in the order in which it was written; reading something else than was written is a fault of the caller. */
export class FlatReader {
  readonly #flat: string;
  #at = 0;

  constructor(flat: string) {
    this.#flat = flat;
  }

  count(): number {
    const first = this.#flat.charCodeAt(this.#at++);
    if (first !== long) return first;
    let count = 0;
    for (let digit = 0; digit < 4; digit++) count = count * 256 + this.#flat.charCodeAt(this.#at++);
    return count;
  }

  text(): string {
    return this.#slice(this.count());
  }

  textOrNull(): string | null {
    return this.skipNull() ? null : this.text();
  }

  /** Passes over one text or null. */
  skip(): void {
    if (this.skipNull()) return;
    const length = this.count();
    this.#at += length;
  }

  /** Whether null comes next, which is then passed over. */
  skipNull(): boolean {
    if (this.#flat.charCodeAt(this.#at) !== absent) return false;
    this.#at++;
    return true;
  }

  /** Goes on inside of the next text, which was itself written of texts; what follows it comes after them. */
  enter(): void {
    this.count();
  }

  /** All that follows. */
  rest(): string {
    return this.#flat.slice(this.#at);
  }

  #slice(length: number): string {
    const from = this.#at;
    this.#at = from + length;
    return this.#flat.slice(from, this.#at);
  }
}
