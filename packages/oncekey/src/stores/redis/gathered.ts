/**
 * Calls that wait to go to the server together, written as they come: what cannot be
 * written is refused alone. When they go is not its business.
 */
import type { RecordId } from '../../core/store.ts';
import { ByteWriter } from './bytes.ts';

/** Calls of one kind that are to go with the next batch: their keys, and what they say one after the other. */
export class Gathered<Ask extends { readonly id: RecordId }> {
  readonly writer: ByteWriter = new ByteWriter();
  keys: string[] = [];
  readonly #write: (writer: ByteWriter, ask: Ask) => void;

  constructor(write: (writer: ByteWriter, ask: Ask) => void) {
    this.#write = write;
  }

  /** Its place among them, counted from 1. Throws for what cannot be written. */
  add(ask: Ask, key: string): number {
    const begins = this.writer.length;
    try {
      this.#write(this.writer, ask);
    } catch (error) {
      this.writer.back(begins);
      throw error;
    }
    return this.keys.push(key);
  }

  /** All of them; the next one begins anew. */
  take(): { readonly keys: readonly string[]; readonly bytes: Buffer } {
    const { keys } = this;
    this.keys = [];
    return { keys, bytes: this.writer.take() };
  }
}
