const STANDARD = /^[A-Za-z0-9+/]*={0,2}$/;
const URLSAFE = /^[A-Za-z0-9_-]*={0,2}$/;

/** Unpadded standard Base64 (spec: Appendices, Unpadded Base64). */
export function encodeBase64(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64').replace(/=+$/, '');
}

/** Unpadded URL-safe Base64 (spec: Appendices, URL-safe unpadded Base64). */
export function encodeBase64Url(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64url');
}

/** Decodes standard Base64 with or without padding; undefined for anything else (Node's own decoder skips what it does not know). */
export function decodeBase64(text: string): Uint8Array | undefined {
  return STANDARD.test(text) && hasPossibleLength(text) ? Buffer.from(text, 'base64') : undefined;
}

/** Decodes URL-safe Base64 with or without padding; undefined for anything else. */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  return URLSAFE.test(text) && hasPossibleLength(text) ? Buffer.from(text, 'base64url') : undefined;
}

/** Padding fills up to four characters; without it, one character over is not enough for a byte. */
function hasPossibleLength(text: string): boolean {
  if (text.endsWith('=')) return text.length % 4 === 0;
  return text.length % 4 !== 1;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
