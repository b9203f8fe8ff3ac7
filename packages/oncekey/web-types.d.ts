/**
 * The one web type that the declarations of `structured-headers` name and that Node's own
 * types lack; everything else stays checked (`skipLibCheck` is off).
 */
type BufferSource = ArrayBufferView | ArrayBuffer;
