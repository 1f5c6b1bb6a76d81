import { Secret } from './secret.ts';
import { requireLength, requireZero, type RawSodium, withScratch } from './sodium.ts';

const KEY = 32;
/** Signal's constants (Double Ratchet, section 5.2): 0x01 gives the message key, 0x02 the next chain key. */
const MESSAGE = 1;
const CHAIN = 2;

export type ChainKey = Secret<'chain-key'>;
export type MessageKey = Secret<'message-key'>;
export type ChainStep = { readonly messageKey: MessageKey; readonly next: ChainKey };

/** Layout: chain key | output | one byte of input. */
const SIZE = 2 * KEY + 1;

const hmac = (sodium: RawSodium, at: number, constant: number): void => {
  sodium.HEAPU8[at + 2 * KEY] = constant;
  requireZero(sodium._crypto_auth_hmacsha256(at + KEY, at + 2 * KEY, 1, 0, at), 'chain');
};

const advance = (sodium: RawSodium, at: number): void => {
  hmac(sodium, at, CHAIN);
  sodium.HEAPU8.copyWithin(at, at + KEY, at + 2 * KEY);
};

const read = <K extends string>(sodium: RawSodium, kind: K, at: number): Secret<K> =>
  Secret.take(kind, sodium.HEAPU8.slice(at, at + KEY));

/**
 * The message key `skip` steps ahead of a chain key, and the chain key after it. The keys in between are not made:
 * a forged counter costs one HMAC a step, and the caller bounds `skip`.
 */
export const chainStep = (chainKey: ChainKey, skip = 0): ChainStep => {
  requireLength(chainKey.expose(), KEY, 'chain key');
  return withScratch(SIZE, (sodium, at) => {
    sodium.HEAPU8.set(chainKey.expose(), at);
    for (let i = 0; i < skip; i++) advance(sodium, at);
    hmac(sodium, at, MESSAGE);
    const messageKey = read(sodium, 'message-key', at + KEY);
    advance(sodium, at);
    return { messageKey, next: read(sodium, 'chain-key', at) };
  });
};

/** The next `count` message keys of a chain, for messages that are still on their way. */
export const chainMessageKeys = (chainKey: ChainKey, count: number): MessageKey[] => {
  requireLength(chainKey.expose(), KEY, 'chain key');
  return withScratch(SIZE, (sodium, at) => {
    sodium.HEAPU8.set(chainKey.expose(), at);
    const keys: MessageKey[] = [];
    for (let i = 0; i < count; i++) {
      hmac(sodium, at, MESSAGE);
      keys.push(read(sodium, 'message-key', at + KEY));
      advance(sodium, at);
    }
    return keys;
  });
};
