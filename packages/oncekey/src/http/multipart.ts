/**
 * Splits a multipart body (RFC 2046 section 5.1) into its parts, so that two sendings of
 * one form are one input although each draws a new boundary. It only has to be exact,
 * not forgiving: what is not well-formed has no parts, and the caller compares bytes.
 */

const boundaryParameter = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i;

/** Each part's bytes, headers and content together, or null when the body is not well-formed. */
export function multipartParts(contentType: string, body: Uint8Array): Uint8Array[] | null {
  const match = boundaryParameter.exec(contentType);
  const boundary = match?.[1] ?? match?.[2];
  if (boundary === undefined) return null;
  const delimiter = latin1Bytes(`--${boundary}`);
  if (!startsWith(body, delimiter, 0)) return null;
  const parts: Uint8Array[] = [];
  let at = delimiter.length;
  while (!startsWith(body, dashes, at)) {
    if (!startsWith(body, lineEnd, at)) return null;
    const start = at + lineEnd.length;
    const end = indexOfDelimiter(body, delimiter, start);
    if (end === -1) return null;
    parts.push(body.subarray(start, end));
    at = end + lineEnd.length + delimiter.length;
  }
  const rest = body.length - at - dashes.length;
  return rest === 0 || (rest === 2 && startsWith(body, lineEnd, at + 2)) ? parts : null;
}

const dashes = latin1Bytes('--');
const lineEnd = latin1Bytes('\r\n');

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array, at: number): boolean {
  if (at + prefix.length > bytes.length) return false;
  for (let index = 0; index < prefix.length; index++) if (bytes[at + index] !== prefix[index]) return false;
  return true;
}

/** Where the line break before the next delimiter begins, or -1. */
function indexOfDelimiter(body: Uint8Array, delimiter: Uint8Array, from: number): number {
  for (let at = body.indexOf(0x0d, from); at !== -1; at = body.indexOf(0x0d, at + 1)) {
    if (startsWith(body, lineEnd, at) && startsWith(body, delimiter, at + lineEnd.length)) return at;
  }
  return -1;
}
