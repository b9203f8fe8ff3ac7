/**
 * The web types that the declarations of `idb` name and that Node's own types lack: as much
 * of IndexedDB as the outbox uses. The library is compiled without the whole DOM, so that
 * no file can lean on a window by accident; everything else stays checked (`skipLibCheck` is off).
 */
type IDBTransactionMode = 'readonly' | 'readwrite' | 'versionchange';
type IDBCursorDirection = 'next' | 'nextunique' | 'prev' | 'prevunique';
type IDBValidKey = number | string | BufferSource | readonly IDBValidKey[];

interface IDBKeyRange {
  readonly lower: unknown;
  readonly upper: unknown;
}
declare const IDBKeyRange: {
  bound(lower: unknown, upper: unknown, lowerOpen?: boolean, upperOpen?: boolean): IDBKeyRange;
  lowerBound(lower: unknown, open?: boolean): IDBKeyRange;
};
interface DOMStringList {
  readonly length: number;
  contains(text: string): boolean;
  item(index: number): string | null;
}
interface IDBObjectStoreParameters {
  autoIncrement?: boolean;
  keyPath?: string | string[] | null;
}
interface IDBIndexParameters {
  multiEntry?: boolean;
  unique?: boolean;
}
interface IDBRequest<T = unknown> extends EventTarget {
  readonly result: T;
}
interface IDBOpenDBRequest extends IDBRequest<IDBDatabase> {}
interface IDBVersionChangeEvent extends Event {
  readonly oldVersion: number;
  readonly newVersion: number | null;
}
interface IDBDatabase extends EventTarget {
  readonly name: string;
  readonly version: number;
  readonly objectStoreNames: DOMStringList;
  close(): void;
  createObjectStore(name: string, options?: IDBObjectStoreParameters): IDBObjectStore;
  deleteObjectStore(name: string): void;
  transaction(names: string | string[], mode?: IDBTransactionMode, options?: object): IDBTransaction;
}
interface IDBTransaction extends EventTarget {
  readonly db: IDBDatabase;
  readonly error: Error | null;
  readonly mode: IDBTransactionMode;
  readonly durability: 'default' | 'strict' | 'relaxed';
  readonly objectStoreNames: DOMStringList;
  abort(): void;
  commit(): void;
  objectStore(name: string): IDBObjectStore;
}
interface IDBObjectStore {
  readonly name: string;
  readonly keyPath: string | string[];
  readonly indexNames: DOMStringList;
  readonly transaction: IDBTransaction;
}
interface IDBIndex {
  readonly name: string;
  readonly keyPath: string | string[];
  readonly objectStore: IDBObjectStore;
}
interface IDBCursor {
  readonly direction: IDBCursorDirection;
  readonly key: IDBValidKey;
  readonly primaryKey: IDBValidKey;
  readonly source: IDBObjectStore | IDBIndex;
}
interface IDBCursorWithValue extends IDBCursor {
  readonly value: unknown;
}
