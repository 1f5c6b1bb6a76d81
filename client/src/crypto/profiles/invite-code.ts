/** The QR code of a person: `"NYXUSER1" | user id | master key 32 | [profile key 32] | invite 16`. */
import { MAX_ID_BYTES } from '../pairwise/device.ts';
import { equalBytes, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { Secret } from '../primitives/secret.ts';
import { QrError } from '../identity/verification/qr-code.ts';
import { PROFILE_KEY_BYTES, type ProfileKey } from './blob.ts';

const MAGIC = utf8('NYXUSER1');
const KEY_BYTES = 32;
export const INVITE_BYTES = 16;
/** A code is good for this long, and once. */
export const INVITE_LIFETIME_MS = 10 * 60 * 1000;

export type InviteCode = {
  readonly userId: string;
  readonly masterKey: Uint8Array;
  /**
   * Our own codes carry none: whoever scanned one asks for the key with the invite, over an encrypted session. A photo
   * of a code is then worth nothing after its use.
   */
  readonly profileKey: ProfileKey | undefined;
  readonly invite: Uint8Array;
};

export const encodeInvite = ({ userId, masterKey, profileKey, invite }: InviteCode): Uint8Array =>
  new Writer()
    .fixed(MAGIC)
    .text(userId)
    .fixed(masterKey)
    .optional(profileKey, (writer, key) => writer.fixed(key.expose()))
    .fixed(invite)
    .finish();

/** @throws QrError */
export const decodeInvite = (payload: Uint8Array): InviteCode => {
  try {
    const reader = new Reader(payload);
    if (!equalBytes(reader.fixed(MAGIC.length), MAGIC)) throw new QrError('BAD_QR', 'not a person');
    const userId = reader.text(MAX_ID_BYTES);
    const masterKey = reader.fixed(KEY_BYTES);
    const profileKey = reader.optional((from) => Secret.take('profile-key', from.fixed(PROFILE_KEY_BYTES)));
    const invite = reader.fixed(INVITE_BYTES);
    reader.end();
    return { userId, masterKey, profileKey, invite };
  } catch (error) {
    if (error instanceof QrError || !isCryptoError(error)) throw error;
    throw new QrError('BAD_QR', error.code);
  }
};
