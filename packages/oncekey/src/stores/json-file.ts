/**
 * Records in one human-readable JSON file, for one process: small services, tools, and
 * files that a registry of operations wrote before. It keeps I1–I3, I5, I6 and I13–I15: the
 * file is replaced whole and written through before anybody is told. Its limits, plainly: a
 * second process is refused, every change writes all records again (calls that come together
 * share one writing), and all of them are in memory. Some thousand records, not some million.
 */
import { resolve as resolvePath } from 'node:path';
import { systemClock, type Clock } from '../core/clock.ts';
import type { Store } from '../core/store.ts';
import { erase, list, resolve } from './in-process/operating.ts';
import { claim, complete, extend, release, saveStep } from './in-process/ownership.ts';
import { note, put, read, sweep } from './in-process/upkeep.ts';
import { RecordFile } from './json-file/record-file.ts';
import type { WholeStore } from './whole-store.ts';

export { registryFingerprint, registryRecordId } from './json-file/registry-id.ts';

/** How a JSON file behaves. */
export interface JsonFileOptions {
  /** Judges leases and retention; default the machine's clock. */
  readonly clock?: Clock;
}

/** {@link Store} with promises and with all that is optional. */
export type JsonFileStore = WholeStore & Required<Pick<Store, 'watch'>>;

/**
 * A store in a JSON file, made with its folder at the first call when it is missing. The first call also holds the file
 * for this process until `close`; another process, or another store on it, is refused with `store_unusable`, which is
 * also what a damaged or newer file is. Throws a TypeError for a path that is none.
 */
export function jsonFile(path: string, options: JsonFileOptions = {}): JsonFileStore {
  if (typeof path !== 'string' || path === '') throw new TypeError('jsonFile: path must be the path of a file');
  const file = new RecordFile(resolvePath(path), wholeMilliseconds(options.clock ?? systemClock));
  return {
    name: 'json-file',
    claim: (ask) =>
      file.change(
        [ask.id],
        (keeping) => claim(keeping, ask),
        ({ kind }) => kind === 'granted',
      ),
    extend: (id, token, leaseMs) =>
      // A restart ends every owner that this file's process had: a lease that it finds too short harms nobody.
      file.change(
        [id],
        (keeping) => extend(keeping, id, token, leaseMs),
        ({ kind }) => kind === 'kept' && 'later',
      ),
    complete: (ask) =>
      file.change(
        [ask.id],
        (keeping) => complete(keeping, ask),
        ({ kind }) => kind === 'stored',
      ),
    release: (id, token, keepMs) =>
      file.change(
        [id],
        (keeping) => release(keeping, id, token, keepMs),
        ({ kind }) => kind === 'released',
      ),
    saveStep: (id, token, step) =>
      file.change(
        [id],
        (keeping) => saveStep(keeping, id, token, step),
        ({ kind }) => kind === 'stored',
      ),
    ...otherMethods(file),
    watch: (id, changed) => file.watchers.add(id, changed),
    close: () => file.close(),
  };
}

function otherMethods(
  file: RecordFile,
): Pick<JsonFileStore, 'read' | 'put' | 'note' | 'list' | 'resolve' | 'erase' | 'sweep' | 'check'> {
  return {
    read: (id) => file.look((keeping) => read(keeping, id)),
    list: (ask) => file.look((keeping) => list(keeping, ask)),
    put: (record) =>
      file.change(
        [record.id],
        (keeping) => put(keeping, record),
        ({ kind }) => kind === 'put',
      ),
    note: (notes) =>
      file.change(
        notes.map(({ id }) => id),
        (keeping) => note(keeping, notes),
        // A conflict is on record before the caller is told; a count of replays may be lost.
        () => notes.some(({ kind }) => kind === 'conflict') || 'later',
      ),
    resolve: (ask) =>
      file.change(
        [ask.id],
        (keeping) => resolve(keeping, ask),
        ({ kind }) => kind === 'resolved',
      ),
    erase: (id, keepMs) =>
      file.change(
        [id],
        (keeping) => erase(keeping, id, keepMs),
        ({ kind }) => kind === 'erased',
      ),
    // What has ended is left out whenever the file is written.
    sweep: (limit) =>
      file.change(
        [],
        (keeping) => sweep(keeping, limit),
        ({ removed }) => removed > 0,
      ),
    check: () =>
      file.change(
        [],
        () => undefined,
        () => true,
      ),
  };
}

function wholeMilliseconds(clock: Clock): Clock {
  return {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => Math.floor(clock.monotonicMs()),
    after: (delayMs, fire) => clock.after(delayMs, fire),
  };
}
