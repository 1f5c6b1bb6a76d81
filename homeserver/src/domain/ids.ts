import type { Random } from '../ports/random.ts';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
/** Bytes at or above this would make the first letters likelier than the rest. */
const UNBIASED = 256 - (256 % ALPHABET.length);

/** `length` random letters and digits, about 5.95 bits each. */
export const randomToken = (random: Random, length: number): string => {
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length - text.length + 8)) {
      if (byte < UNBIASED && text.length < length) text += ALPHABET.charAt(byte % ALPHABET.length);
    }
  }
  return text;
};
