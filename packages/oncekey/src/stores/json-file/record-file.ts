/**
 * The records of one file, in memory and on the disk. Nobody is told anything that is not
 * on the disk (I5): calls that changed something wait until the file has been replaced, and
 * so do those that might have seen the change. Calls that come while the file is written
 * share the next writing. What may be lost without harm (a heartbeat, a count of replays)
 * waits for nobody.
 */
import { realpath } from 'node:fs/promises';
import type { Clock } from '../../core/clock.ts';
import type { RecordId } from '../../core/store.ts';
import { stateOf } from '../in-process/held-record.ts';
import type { RecordKeeping } from '../in-process/record-keeping.ts';
import { RecordTable } from '../in-process/record-table.ts';
import { Watchers } from '../in-process/watchers.ts';
import { unusable } from './failure.ts';
import { holdFile, type Hold } from './hold.ts';
import { readLayout, writeLayout } from './layout.ts';
import { fileIdOf, fromFile, toFile, type Known, type Moment } from './records.ts';
import { makeFolderOf, readWhole, replaceWhole } from './whole-file.ts';

/** Nothing is let go but what is over. */
const bounds = { maxRecords: Infinity, maxBytes: Infinity };
/** What waits for nobody is written at the latest so long after. */
const laterMs = 1000;

/** A record as it stands in the file. */
interface Entry {
  readonly fileId: string;
  readonly known: Known | undefined;
  readonly text: string;
  /** When it counts as absent, by the monotonic clock. */
  readonly endsAt: number;
}

/** One file with its records. */
export class RecordFile {
  readonly watchers: Watchers = new Watchers();
  readonly #path: string;
  readonly #clock: Clock;
  readonly #entries = new Map<RecordId, Entry>();
  #opening: Promise<RecordKeeping> | undefined;
  #hold: Hold | undefined;
  #place = '';
  /** Changes that somebody waits for, and how many of them are on the disk. */
  #changes = 0;
  #written = 0;
  #writing: Promise<void> | undefined;
  #cancelLater: (() => void) | undefined;
  #closed = false;

  constructor(path: string, clock: Clock) {
    this.#path = path;
    this.#clock = clock;
  }

  /** Looks at the records; answers once all that was seen is on the disk. */
  async look<T>(act: (keeping: RecordKeeping) => T): Promise<T> {
    const keeping = await this.#open();
    const answer = act(keeping);
    await this.#settled();
    return answer;
  }

  /** Makes a call that may change these records, as `changed` tells of its answer; answers once that is on the disk. */
  async change<T>(
    ids: readonly RecordId[],
    act: (keeping: RecordKeeping) => T,
    changed: (answer: T) => boolean | 'later',
  ): Promise<T> {
    const keeping = await this.#open();
    const answer = act(keeping);
    const when = changed(answer);
    const altered = when !== false && ids.map((id) => this.#enter(keeping, id)).includes(true);
    if (when === 'later') this.#writeLater();
    if (when === true && (altered || ids.length === 0)) this.#changes++;
    await this.#settled();
    return answer;
  }

  /** Writes what is still to be written and lets others have the file. */
  async close(): Promise<void> {
    this.#closed = true;
    const opened = await this.#opening?.then(
      () => true,
      // Told to whoever called; there is nothing to write.
      () => false,
    );
    if (opened !== true) return;
    try {
      if (this.#cancelLater !== undefined) this.#changes++;
      await this.#settled();
    } finally {
      this.#cancelLater?.();
      await this.#hold?.end();
      this.watchers.clear();
    }
  }

  #open(): Promise<RecordKeeping> {
    if (this.#closed) return Promise.reject(unusable(`${this.#path} is closed; open it again`));
    if (this.#opening === undefined) {
      this.#opening = this.#load();
      // What is wrong now may be mended by the next call.
      this.#opening.catch(() => (this.#opening = undefined));
    }
    return this.#opening;
  }

  async #load(): Promise<RecordKeeping> {
    await makeFolderOf(this.#path);
    // A link stays one: what it points at is replaced.
    this.#place = await realpath(this.#path).catch(() => this.#path);
    const hold = await holdFile(this.#place);
    try {
      const text = (await readWhole(this.#place)) ?? '';
      const table = new RecordTable(bounds);
      const at = this.#now();
      for (const [fileId, known] of readLayout(this.#place, text)) {
        const record = fromFile(this.#place, fileId, known, at);
        if (record.endsAt <= at.monotonicMs) continue;
        if (this.#entries.has(record.id)) throw unusable(`${this.#place} has ${fileId} under two names; mend the file`);
        table.add(record);
        this.#entries.set(record.id, { fileId, known, text: '', endsAt: record.endsAt });
      }
      const keeping = { table, watchers: this.watchers, clock: this.#clock, bounds };
      for (const id of this.#entries.keys()) this.#enter(keeping, id);
      this.#hold = hold;
      return keeping;
    } catch (error) {
      this.#entries.clear();
      await hold.end();
      throw error;
    }
  }

  #now(): Moment {
    return { monotonicMs: this.#clock.monotonicMs(), unixMs: this.#clock.nowMs() };
  }

  /** Writes a record down for the next time that the file is written; false when that is what stands there. */
  #enter({ table }: RecordKeeping, id: RecordId): boolean {
    const at = this.#now();
    const record = table.get(id, at.monotonicMs);
    if (record === undefined) return this.#entries.delete(id);
    const before = this.#entries.get(id);
    // What another program said of a record goes with it: when it has ended, and when it is erased.
    const same = before !== undefined && before.endsAt > at.monotonicMs ? before : undefined;
    const known = stateOf(record, at.monotonicMs) === 'erased' ? undefined : same?.known;
    const fileId = same?.fileId ?? fileIdOf(record);
    const text = JSON.stringify(toFile(record, fileId, known, at), null, 2);
    this.#entries.set(id, { fileId, known, text, endsAt: record.endsAt });
    return text !== before?.text;
  }

  async #settled(): Promise<void> {
    const wanted = this.#changes;
    // A writing that began before the change does not have it.
    // oxlint-disable-next-line no-await-in-loop
    while (this.#written < wanted) await (this.#writing ??= this.#write().finally(() => (this.#writing = undefined)));
  }

  async #write(): Promise<void> {
    // A turn of the event loop, so that calls made together are written together.
    await Promise.resolve();
    await this.#hold?.confirm();
    const changes = this.#changes;
    this.#cancelLater?.();
    this.#cancelLater = undefined;
    await replaceWhole(this.#place, writeLayout(this.#living()));
    this.#written = changes;
  }

  *#living(): Generator<readonly [string, string]> {
    const now = this.#clock.monotonicMs();
    for (const [id, { fileId, text, endsAt }] of this.#entries) {
      if (endsAt > now) yield [fileId, text];
      else this.#entries.delete(id);
    }
  }

  #writeLater(): void {
    this.#cancelLater ??= this.#clock.after(laterMs, () => {
      this.#cancelLater = undefined;
      this.#changes++;
      // Nobody waits: a disk that fails tells the next one who does.
      this.#settled().catch(() => undefined);
    });
  }
}
