const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URLSAFE = /^[A-Za-z0-9_-]*={0,2}$/;
/** Bytes turned into text by one call. */
const PIECE = 8_192;

/** Unpadded standard Base64 (spec: Appendices, Unpadded Base64). */
export function encodeBase64(bytes: Uint8Array): string {
  return btoa(binaryText(bytes)).replace(/=+$/, '');
}

/** Unpadded URL-safe Base64 (spec: Appendices, URL-safe unpadded Base64). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_');
}

/** Decodes standard Base64 with or without padding; undefined for anything else (the platforms' own decoders pass over what they do not know). */
export function decodeBase64(text: string): Uint8Array | undefined {
  return STANDARD.test(text) && hasPossibleLength(text) ? bytesOf(text) : undefined;
}

/** Decodes URL-safe Base64 with or without padding; undefined for anything else. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  if (!URLSAFE.test(text) || !hasPossibleLength(text)) return undefined;
  return bytesOf(text.replaceAll('-', '+').replaceAll('_', '/'));
}

/** Padding fills up to four characters; without it, one character over is not enough for a byte. */
function hasPossibleLength(text: string): boolean {
  if (text.endsWith('=')) return text.length % 4 === 0;
  return text.length % 4 !== 1;
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
}

/** A character per byte. Piece by piece: a call takes only so many arguments. */
function binaryText(bytes: Uint8Array): string {
  let text = '';
  for (let start = 0; start < bytes.length; start += PIECE)
    text += String.fromCharCode(...bytes.subarray(start, start + PIECE));
  return text;
}
