/**
 * What the directory of a server keeps of somebody who may be found by exact user id: a row that tells nothing without
 * the output of the blinded look-up (`oprf.ts`), from which both its name and its key come.
 */
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { fromUtf8, toHex, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { pad, unpad } from '../primitives/padding.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { ProfileError } from './errors.ts';

const ID_BYTES = 16;
const FORMAT = 1;
const MASTER_BYTES = 32;
const MAX_ID = 255;
const AAD = utf8(`${NAMESPACE}/discovery/1`);

export type Card = { readonly userId: string; readonly masterKey: Uint8Array };

/** Name (hexadecimal) and key of a row, from the 64 bytes of the look-up. */
export type CardKeys = { readonly id: string; readonly key: Secret<'card'> };

export const cardKeys = (output: Uint8Array): CardKeys => ({
  id: toHex(hkdfSha256({ ikm: output, info: utf8(`${NAMESPACE}/discovery/id`), length: ID_BYTES })),
  key: Secret.take('card', hkdfSha256({ ikm: output, info: utf8(`${NAMESPACE}/discovery/key`), length: 32 })),
});

/** Always of one length: 24 + 512 + 16 bytes, as unpadded base64. */
export const sealCard = ({ userId, masterKey }: Card, key: Secret<'card'>, random: Random): string => {
  const plain = pad(new Writer().u8(FORMAT).text(userId).fixed(masterKey).finish());
  const nonce = random(XCHACHA_NONCE_BYTES);
  const sealed = xchachaSeal({ key: key.expose(), nonce, aad: AAD }, plain);
  return toBase64(new Writer(600).fixed(nonce).fixed(sealed).finish());
};

/** @throws ProfileError */
export const openCard = (sealed: string, key: Secret<'card'>): Card => {
  try {
    const bytes = fromBase64(sealed);
    const nonce = bytes.subarray(0, XCHACHA_NONCE_BYTES);
    const plain = unpad(
      xchachaOpen({ key: key.expose(), nonce, aad: AAD }, bytes.subarray(XCHACHA_NONCE_BYTES)),
    );
    const reader = new Reader(plain);
    if (reader.u8() !== FORMAT) throw new ProfileError('MALFORMED', 'format');
    const userId = fromUtf8(reader.bytes(MAX_ID));
    const masterKey = reader.fixed(MASTER_BYTES);
    reader.end();
    return { userId, masterKey };
  } catch (error) {
    if (error instanceof ProfileError || !isCryptoError(error)) throw error;
    throw new ProfileError('TAMPERED', error.code);
  }
};
