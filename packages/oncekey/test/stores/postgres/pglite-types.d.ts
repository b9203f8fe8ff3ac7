/**
 * The names of web and Emscripten types that PGlite's declarations use and that Node's own
 * types lack. Empty, since no test uses what they describe; everything else stays checked
 * (`skipLibCheck` is off).
 */
declare namespace WebAssembly {
  interface Imports {}
  interface Module {}
  interface Instance {}
  interface Memory {}
}
declare namespace Emscripten {
  interface FileSystemType {}
}
declare const FS: object;
interface EmscriptenModule {}
interface IDBDatabase {}
