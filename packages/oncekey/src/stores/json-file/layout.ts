/**
 * The text of the file: a version, a digest of the records and the records. Reads also the
 * older layout, a bare map, and refuses newer ones. What is damaged is refused whole: a file
 * of which a part is gone must not look like one in which that part never was.
 */
import { sha256 } from '../../core/digest.ts';
import { unusable } from './failure.ts';

const schemaVersion = 1;
const recordsBegin = '\n  "records": ';

/** Records as JSON objects by their ids in the file. */
export type FileRecords = ReadonlyMap<string, Readonly<Record<string, unknown>>>;

/** The file's text with these records, each given as JSON text of an object. */
export function writeLayout(records: Iterable<readonly [fileId: string, text: string]>): string {
  const entries = Array.from(records, ([id, text]) => `${JSON.stringify(id)}: ${text}`);
  const body = `${recordsBegin}{${entries.map((entry) => `\n    ${entry.replaceAll('\n', '\n    ')}`).join(',')}\n  }\n}\n`;
  return `{\n  "schema_version": ${schemaVersion},\n  "checksum": "${digestOf(body)}",${body}`;
}

/** The records of a file's text. Throws `store_unusable` for anything that is not certainly whole. */
export function readLayout(path: string, text: string): FileRecords {
  if (text.trim() === '') return new Map();
  const file = parse(path, text);
  const version = file['schema_version'];
  // The older layout has nothing but records.
  if (version === undefined) return recordsOf(path, file);
  if (version !== schemaVersion) throw refusedVersion(path, version);
  const records = recordsOf(path, file['records']);
  checkWhole(path, text, file, records);
  return records;
}

function parse(path: string, text: string): Readonly<Record<string, unknown>> {
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch (cause) {
    throw unusable(`${path} is not JSON, so it was cut or damaged; restore it from a backup`, cause);
  }
  if (isObject(file)) return file;
  throw unusable(`${path} is JSON, but not an object of records; name another file`);
}

function refusedVersion(path: string, version: unknown): Error {
  if (Number.isInteger(version) && (version as number) > schemaVersion) {
    const what = `${path} has schema_version ${String(version)}, this program knows ${schemaVersion}`;
    return unusable(`${what}; use a newer program`);
  }
  return unusable(
    `${path} has schema_version ${JSON.stringify(version)}, which there never was; restore it from a backup`,
  );
}

function recordsOf(path: string, records: unknown): FileRecords {
  if (!isObject(records)) throw unusable(`${path} has no object of records; restore it from a backup`);
  const entries = Object.entries(records);
  const wrong = entries.find(([, record]) => !isObject(record));
  if (wrong !== undefined)
    throw unusable(`${path}: the record ${JSON.stringify(wrong[0])} is not an object; mend the file`);
  return new Map(entries as [string, Record<string, unknown>][]);
}

/** Files of other programs have no digest; ours has one, also where a record was written by us. */
function checkWhole(path: string, text: string, file: Readonly<Record<string, unknown>>, records: FileRecords): void {
  const given = file['checksum'];
  // The way for people to say: I have changed it, and it is as I want it.
  if (given === null) return;
  const ours = Array.from(records.values()).some((record) => 'oncekey' in record);
  if (given === undefined && !ours) return;
  const at = text.indexOf(recordsBegin);
  if (at >= 0 && given === digestOf(text.slice(at))) return;
  const happened = `the records of ${path} are not those its checksum was made of: it was damaged, or changed by hand`;
  throw unusable(`${happened}; restore it from a backup, or set "checksum" to null to take it as it is`);
}

function digestOf(text: string): string {
  return `sha256:${sha256(text, 'hex')}`;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
