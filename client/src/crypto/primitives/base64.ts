import { PrimitiveError } from './errors.ts';

type Alphabet = { readonly chars: Uint8Array; readonly values: Int8Array };

const alphabet = (text: string): Alphabet => {
  const chars = new TextEncoder().encode(text);
  const values = new Int8Array(256).fill(-1);
  chars.forEach((char, value) => (values[char] = value));
  return { chars, values };
};

const COMMON = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const STANDARD = alphabet(`${COMMON}+/`);
const URL_SAFE = alphabet(`${COMMON}-_`);
const ascii = new TextDecoder('latin1');

const encode = (bytes: Uint8Array, { chars }: Alphabet): string => {
  const out = new Uint8Array(Math.ceil((bytes.length * 4) / 3));
  let at = 0;
  for (let i = 0; i < bytes.length; i += 3) {
    const a = bytes[i] ?? 0;
    const b = bytes[i + 1] ?? 0;
    const c = bytes[i + 2] ?? 0;
    // Writes past the end of a typed array are ignored: that drops the padding.
    out[at++] = chars[a >> 2] ?? 0;
    out[at++] = chars[((a & 3) << 4) | (b >> 4)] ?? 0;
    out[at++] = chars[((b & 15) << 2) | (c >> 6)] ?? 0;
    out[at++] = chars[c & 63] ?? 0;
  }
  return ascii.decode(out);
};

const decode = (text: string, { values }: Alphabet): Uint8Array => {
  const tail = text.length % 4;
  if (tail === 1) throw new PrimitiveError('BAD_BASE64', 'impossible length');
  const out = new Uint8Array(Math.floor((text.length * 3) / 4));
  let at = 0;
  let invalid = 0;
  const value = (i: number): number => {
    const code = text.charCodeAt(i);
    const found = code < 256 ? (values[code] ?? -1) : -1;
    invalid |= found;
    return found;
  };
  const whole = text.length - tail;
  for (let i = 0; i < whole; i += 4) {
    const word = (value(i) << 18) | (value(i + 1) << 12) | (value(i + 2) << 6) | value(i + 3);
    out[at++] = word >> 16;
    out[at++] = word >> 8;
    out[at++] = word;
  }
  if (tail !== 0) {
    const a = value(whole);
    const b = value(whole + 1);
    const c = tail === 3 ? value(whole + 2) : 0;
    out[at++] = (a << 2) | (b >> 4);
    if (tail === 3) out[at] = (b << 4) | (c >> 2);
    // One byte string has one text: the unused low bits must be zero.
    if ((tail === 2 ? b & 15 : c & 3) !== 0) throw new PrimitiveError('BAD_BASE64', 'not canonical');
  }
  if (invalid < 0) throw new PrimitiveError('BAD_BASE64', 'character outside the alphabet');
  return out;
};

/** Unpadded standard base64, Matrix's form (appendices, "Unpadded Base64"). */
export const toBase64 = (bytes: Uint8Array): string => encode(bytes, STANDARD);

/** Strict inverse of `toBase64`: no padding, no white space, no second spelling. Throws BAD_BASE64. */
export const fromBase64 = (text: string): Uint8Array => decode(text, STANDARD);

/** Unpadded URL-safe base64 (RFC 4648, section 5), as JSON Web Keys and QR codes use it. */
export const toBase64Url = (bytes: Uint8Array): string => encode(bytes, URL_SAFE);

/** Strict inverse of `toBase64Url`. Throws BAD_BASE64. */
export const fromBase64Url = (text: string): Uint8Array => decode(text, URL_SAFE);
