/**
 * The fields of an object from the file, each checked as it is read: what is not what it
 * must be is told by record and field, and the file is refused. An absent field and null
 * mean the same.
 */
import type { Reference } from '../../core/outcome.ts';
import type { Labels, TimelineEvent } from '../../core/store.ts';
import { unusable } from './failure.ts';

const events: readonly string[] = ['replay', 'conflict', 'resolved', 'erased'] satisfies TimelineEvent['what'][];

/** An object whose fields are read by name. */
export class Fields {
  readonly all: Readonly<Record<string, unknown>>;
  readonly #where: string;

  constructor(where: string, all: Readonly<Record<string, unknown>>) {
    this.#where = where;
    this.all = all;
  }

  text(name: string): string {
    return this.#checked(name, this.textOrNull(name));
  }

  textOrNull(name: string): string | null {
    const value = this.all[name] ?? null;
    if (value !== null && typeof value !== 'string') throw this.wrong(name);
    return value;
  }

  number(name: string): number {
    return this.#checked(name, this.numberOrNull(name));
  }

  numberOr(name: string, otherwise: number): number {
    return this.numberOrNull(name) ?? otherwise;
  }

  numberOrNull(name: string): number | null {
    const value = this.all[name] ?? null;
    if (value !== null && !Number.isFinite(value)) throw this.wrong(name);
    return value as number | null;
  }

  texts(name: string): string[] {
    const value = this.all[name] ?? [];
    if (!Array.isArray(value) || value.some((each) => typeof each !== 'string')) throw this.wrong(name);
    return value as string[];
  }

  object(name: string): Fields {
    return this.#checked(name, this.optional(name) ?? null);
  }

  optional(name: string): Fields | undefined {
    const value = this.all[name] ?? undefined;
    if (value === undefined) return undefined;
    return this.#fieldsOf(name, value);
  }

  objects(name: string): Fields[] {
    const value = this.all[name] ?? [];
    if (!Array.isArray(value)) throw this.wrong(name);
    return value.map((each: unknown) => this.#fieldsOf(name, each));
  }

  /** The bytes of `text` or `base64`; null when there are neither. */
  bytes(): Uint8Array | null {
    const text = this.textOrNull('text');
    if (text !== null) return Buffer.from(text);
    const base64 = this.textOrNull('base64');
    return base64 === null ? null : Buffer.from(base64, 'base64');
  }

  /** Of the field `labels`. */
  labels(): Labels {
    const labels = this.object('labels');
    return {
      scope: labels.texts('scope'),
      operation: labels.textOrNull('operation'),
      key: labels.text('key'),
      owner: labels.textOrNull('owner'),
      method: labels.textOrNull('method'),
      path: labels.textOrNull('path'),
      eventId: labels.textOrNull('eventId'),
    };
  }

  /** Of the field `timeline`. */
  timeline(): TimelineEvent[] {
    return this.objects('timeline').map((event) => {
      const what = event.text('what');
      if (!events.includes(what)) throw event.wrong('what');
      return { atMs: event.number('atMs'), what: what as TimelineEvent['what'], detail: event.textOrNull('detail') };
    });
  }

  /** The registry's primary and secondary reference. */
  references(): Reference[] {
    return ['primary', 'secondary'].flatMap((which) => {
      const [kind, id] = [this.textOrNull(`${which}_ref_kind`), this.textOrNull(`${which}_ref_id`)];
      return kind === null || id === null ? [] : [{ kind, id }];
    });
  }

  /** The field cannot be what it is. */
  wrong(name: string, cause?: unknown): Error {
    const given = JSON.stringify(this.all[name])?.slice(0, 40) ?? 'missing';
    return unusable(`${this.#where}: ${name} cannot be ${given}; mend the file or restore it from a backup`, cause);
  }

  #checked<T>(name: string, value: T | null): T {
    if (value === null) throw this.wrong(name);
    return value;
  }

  #fieldsOf(name: string, value: unknown): Fields {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw this.wrong(name);
    return new Fields(`${this.#where}.${name}`, value as Record<string, unknown>);
  }
}
