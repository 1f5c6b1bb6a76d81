/**
 * A private profile as the server carries it: one blob of constant size in an extended profile field. Whoever has the
 * profile key reads it; that its owner wrote it says the self-signing key, since every contact has the profile key.
 *
 * Key `pk` is 32 random bytes; its public name is `HKDF(pk, "profver")[0:16]`. The plaintext is
 * `u32 length | signature 64 | body | zeros` in 4,096 bytes, under `HKDF(pk, "chat.nyx/profile/1")` with a random nonce;
 * the associated data is the owner's id and the version.
 */
import * as z from 'zod/mini';
import type { FileDescription } from '../attachments/attachments.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { equalBytes, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { ed25519Sign, ed25519Verify, type Ed25519Secret } from '../primitives/ed25519.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { XCHACHA_NONCE_BYTES, XCHACHA_TAG_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { ProfileError } from './errors.ts';

export const PROFILE_FIELD = `${NAMESPACE}.profile`;
export const PROFILE_KEY_BYTES = 32;
const VERSION_BYTES = 16;
/** Every profile is as long as every other. */
const PLAIN_BYTES = 4096;
const SIGNATURE_BYTES = 64;
const LENGTH_BYTES = 4;
const FORMAT = 1;

/** UTF-16 units of a name and of the text about oneself. */
export const MAX_NAME = 80;
export const MAX_BIO = 600;
const MAX_URL = 512;
/** Pictures that browsers show without running anything. */
export const AVATAR_TYPES: readonly string[] = [
  'image/png',
  'image/jpeg',
  'image/webp',
  'image/gif',
  'image/avif',
];

export type ProfileKey = Secret<'profile-key'>;

export type Avatar = {
  /** `mxc://` of the ciphertext. */
  readonly url: string;
  readonly mimetype: string;
  readonly file: FileDescription;
};
export type Profile = {
  readonly name: string;
  readonly bio: string;
  readonly avatar: Avatar | undefined;
  /** Clock of the writer (ms): an older profile never replaces a newer one. */
  readonly time: number;
};

/** The value of the profile field; all parts are unpadded base64. */
export const fieldSchema = z.object({
  v: z.literal(`${NAMESPACE}.profile.v1`),
  version: z.string().check(z.length(22)),
  nonce: z.string().check(z.length(32)),
  ciphertext: z.string().check(z.length(5483)),
});
export type ProfileField = z.infer<typeof fieldSchema>;

/** Public name of a key: 16 bytes (e2ee.md, section 6). */
export const profileVersion = (key: ProfileKey): Uint8Array =>
  hkdfSha256({ ikm: key.expose(), info: utf8('profver'), length: VERSION_BYTES });

const contentKey = (key: ProfileKey): Secret<'profile-content'> =>
  Secret.take(
    'profile-content',
    hkdfSha256({ ikm: key.expose(), info: utf8(`${NAMESPACE}/profile/1`), length: 32 }),
  );

const aadOf = (userId: string, version: Uint8Array): Uint8Array =>
  new Writer().text(`${NAMESPACE}/profile/1`).text(userId).fixed(version).finish();

const signedBytes = (userId: string, version: Uint8Array, body: Uint8Array): Uint8Array =>
  new Writer(PLAIN_BYTES).text(`${NAMESPACE}/profile-sig/1`).text(userId).fixed(version).bytes(body).finish();

const encodeBody = ({ name, bio, avatar, time }: Profile): Uint8Array =>
  new Writer(PLAIN_BYTES)
    .u8(FORMAT)
    .u64(time)
    .text(name)
    .text(bio)
    .optional(avatar, (writer, { url, mimetype, file }) =>
      writer
        .text(url)
        .text(mimetype)
        .fixed(fromBase64(file.key))
        .fixed(fromBase64(file.nonce))
        .u32(file.chunk)
        .u64(file.size)
        .fixed(fromBase64(file.sha256)),
    )
    .finish();

const readAvatar = (reader: Reader): Avatar => ({
  url: reader.text(MAX_URL),
  mimetype: reader.text(255),
  file: {
    v: `${NAMESPACE}.file.v1`,
    key: toBase64(reader.fixed(32)),
    nonce: toBase64(reader.fixed(16)),
    chunk: reader.u32(),
    size: reader.u64(),
    sha256: toBase64(reader.fixed(32)),
  },
});

const decodeBody = (body: Uint8Array): Profile => {
  const reader = new Reader(body);
  if (reader.u8() !== FORMAT) throw new ProfileError('MALFORMED', 'format');
  const time = reader.u64();
  const name = reader.text(4 * MAX_NAME);
  const bio = reader.text(4 * MAX_BIO);
  const avatar = reader.optional(readAvatar);
  reader.end();
  if (name.length > MAX_NAME || bio.length > MAX_BIO) throw new ProfileError('MALFORMED', 'too long');
  if (avatar !== undefined && !isAvatar(avatar)) throw new ProfileError('MALFORMED', 'avatar');
  return { name, bio, avatar, time };
};

const isAvatar = ({ url, mimetype }: Avatar): boolean =>
  /^mxc:\/\/[^/?#]+\/[\w-]+$/u.test(url) && AVATAR_TYPES.includes(mimetype);

/** @throws ProfileError TOO_LARGE, MALFORMED for a picture that is no picture */
export const sealProfile = (
  userId: string,
  key: ProfileKey,
  profile: Profile,
  signer: Ed25519Secret,
  random: Random,
): ProfileField => {
  const { name, bio, avatar } = profile;
  if (name.length > MAX_NAME || bio.length > MAX_BIO) throw new ProfileError('TOO_LARGE');
  if (avatar !== undefined && !isAvatar(avatar)) throw new ProfileError('MALFORMED', 'avatar');
  const body = encodeBody(profile);
  if (LENGTH_BYTES + SIGNATURE_BYTES + body.length > PLAIN_BYTES) throw new ProfileError('TOO_LARGE');
  const version = profileVersion(key);
  const plain = new Uint8Array(PLAIN_BYTES);
  new DataView(plain.buffer).setUint32(0, body.length);
  plain.set(ed25519Sign(signer, signedBytes(userId, version, body)), LENGTH_BYTES);
  plain.set(body, LENGTH_BYTES + SIGNATURE_BYTES);
  const nonce = random(XCHACHA_NONCE_BYTES);
  using content = contentKey(key);
  const aad = aadOf(userId, version);
  const ciphertext = xchachaSeal({ key: content.expose(), nonce, aad }, plain);
  return {
    v: `${NAMESPACE}.profile.v1`,
    version: toBase64(version),
    nonce: toBase64(nonce),
    ciphertext: toBase64(ciphertext),
  };
};

const openPlain = (userId: string, key: ProfileKey, field: ProfileField): Uint8Array => {
  const version = profileVersion(key);
  if (field.version !== toBase64(version)) throw new ProfileError('OTHER_VERSION');
  using content = contentKey(key);
  try {
    const ciphertext = fromBase64(field.ciphertext);
    if (ciphertext.length !== PLAIN_BYTES + XCHACHA_TAG_BYTES) throw new ProfileError('MALFORMED');
    const nonce = fromBase64(field.nonce);
    return xchachaOpen({ key: content.expose(), nonce, aad: aadOf(userId, version) }, ciphertext);
  } catch (error) {
    if (isCryptoError(error) && error.code === 'AUTHENTICATION_FAILED') throw new ProfileError('TAMPERED');
    if (isCryptoError(error)) throw new ProfileError('MALFORMED', error.code);
    throw error;
  }
};

/**
 * Opens the field of `userId`. `signer` is the owner's self-signing key as the pinned master key signs it.
 *
 * @throws ProfileError
 */
export const openProfile = (userId: string, key: ProfileKey, value: unknown, signer: Uint8Array): Profile => {
  const field = fieldSchema.safeParse(value);
  if (!field.success) throw new ProfileError('MALFORMED');
  const plain = openPlain(userId, key, field.data);
  const length = new DataView(plain.buffer, plain.byteOffset).getUint32(0);
  const from = LENGTH_BYTES + SIGNATURE_BYTES;
  if (length > PLAIN_BYTES - from) throw new ProfileError('MALFORMED', 'length');
  const body = plain.subarray(from, from + length);
  if (!equalBytes(plain.subarray(from + length), new Uint8Array(PLAIN_BYTES - from - length)))
    throw new ProfileError('MALFORMED', 'padding');
  const signature = plain.subarray(LENGTH_BYTES, from);
  if (!ed25519Verify(signer, signedBytes(userId, profileVersion(key), body), signature))
    throw new ProfileError('NOT_SIGNED');
  try {
    return decodeBody(body);
  } catch (error) {
    if (error instanceof ProfileError || !isCryptoError(error)) throw error;
    throw new ProfileError('MALFORMED', error.code);
  }
};
