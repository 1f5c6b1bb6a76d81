/** The master seed as 24 English words (BIP 39): 256 bits and an 8-bit checksum, 11 bits a word. */
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { sha256 } from '../crypto/primitives/hash.ts';
import { Secret } from '../crypto/primitives/secret.ts';
import { VaultError } from './errors.ts';

export const SEED_BYTES = 32;
export const WORD_COUNT = 24;
const BITS_PER_WORD = 11;

export type MasterSeed = Secret<'master-seed'>;

/** Words of a 32-byte seed. They are the seed: show once, never log. */
export function seedToWords(seed: MasterSeed): string[] {
  const bytes = seed.expose();
  const checked = new Uint8Array(SEED_BYTES + 1);
  checked.set(bytes);
  checked.set(sha256(bytes).subarray(0, 1), SEED_BYTES);
  const words: string[] = [];
  for (let i = 0; i < WORD_COUNT; i++) words.push(wordlist[bitsAt(checked, i * BITS_PER_WORD)] ?? '');
  checked.fill(0);
  return words;
}

/** Seed of 24 words in any case and spacing. Throws BAD_WORDS: unknown word, wrong count or wrong checksum. */
export function wordsToSeed(words: readonly string[]): MasterSeed {
  if (words.length !== WORD_COUNT) throw new VaultError('BAD_WORDS', `${words.length} words`);
  const checked = new Uint8Array(SEED_BYTES + 1);
  words.forEach((word, i) => {
    const index = wordlist.indexOf(word.trim().toLowerCase().normalize('NFKD'));
    if (index < 0) throw new VaultError('BAD_WORDS', `word ${i + 1} is not in the list`);
    putBits(checked, i * BITS_PER_WORD, index);
  });
  const seed = checked.slice(0, SEED_BYTES);
  const sum = checked[SEED_BYTES];
  checked.fill(0);
  if (sha256(seed)[0] !== sum) throw new VaultError('BAD_WORDS', 'checksum');
  return Secret.take('master-seed', seed);
}

function bitsAt(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = offset; i < offset + BITS_PER_WORD; i++)
    value = (value << 1) | (((bytes[i >> 3] ?? 0) >> (7 - (i & 7))) & 1);
  return value;
}

function putBits(bytes: Uint8Array, offset: number, value: number): void {
  for (let i = 0; i < BITS_PER_WORD; i++) {
    const bit = (value >> (BITS_PER_WORD - 1 - i)) & 1;
    const at = offset + i;
    bytes[at >> 3] = (bytes[at >> 3] ?? 0) | (bit << (7 - (at & 7)));
  }
}
