import { OTPK_ALGORITHM, SPK_ALGORITHM } from '../primitives/names.ts';
import { PrekeyError } from './errors.ts';

const hex8 = (id: number): string => id.toString(16).padStart(8, '0');

/** Key id of a one-time prekey, `chat.nyx.otk.v1:0a1b2c3d`: exactly one ':'. */
export const oneTimeKeyId = (id: number): string => `${OTPK_ALGORITHM}:${hex8(id)}`;

/** Key id of a signed prekey; `copy` numbers those published as one-time keys, which need names of their own. */
export const signedKeyId = (id: number, copy?: number): string =>
  copy === undefined ? `${SPK_ALGORITHM}:${hex8(id)}` : `${SPK_ALGORITHM}:${hex8(id)}.${copy}`;

const NAME = /^([0-9a-f]{8})(?:\.\d{1,6})?$/;

/** Whether a key id belongs to an algorithm. */
export const hasAlgorithm = (keyId: string, algorithm: string): boolean => keyId.startsWith(`${algorithm}:`);

/** Throws PREKEY_ID_MISMATCH unless the key id names the prekey that its signed payload holds. */
export const requireKeyId = (keyId: string, id: number): void => {
  const name = NAME.exec(keyId.slice(keyId.indexOf(':') + 1))?.[1];
  if (name !== hex8(id)) throw new PrekeyError('PREKEY_ID_MISMATCH');
};
