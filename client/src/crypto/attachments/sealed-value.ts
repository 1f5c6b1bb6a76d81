/**
 * Bytes sealed under a secret: `1 | salt 16 | chunks`. Each value has a key of its own out of the secret, its salt and
 * its context; the chunks are laid out and numbered as those of attachments are, and the length is inside the padding.
 */
import { utf8 } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import type { Random } from '../primitives/random.ts';
import type { Secret } from '../primitives/secret.ts';
import { XCHACHA_KEY_BYTES, xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { AttachmentError } from './errors.ts';
import { CHUNK_BYTES, chunkNonce, NONCE_PREFIX_BYTES, paddedFileSize, TAG_BYTES } from './layout.ts';

const FORMAT = 1;
const HEADER = 1 + NONCE_PREFIX_BYTES;
const LENGTH_BYTES = 4;
const CHUNKS_PER_SLICE = 16;

type Yield = () => Promise<void>;

const valueKey = (secret: Secret, salt: Uint8Array, context: string): Uint8Array => {
  const info = new Writer(64).text(`${NAMESPACE}/sealed/1`).text(context).finish();
  return hkdfSha256({ ikm: secret.expose(), salt, info, length: XCHACHA_KEY_BYTES });
};

const AAD = utf8(`${NAMESPACE}/sealed/1`);

/** Seals `data`; the result tells its length to about a tenth. */
export const sealValue = async (
  secret: Secret,
  context: string,
  data: Uint8Array,
  random: Random,
  yieldNow: Yield,
): Promise<Uint8Array> => {
  const salt = random(NONCE_PREFIX_BYTES);
  const key = valueKey(secret, salt, context);
  const plain = new Uint8Array(paddedFileSize(data.length + LENGTH_BYTES));
  new DataView(plain.buffer).setUint32(0, data.length);
  plain.set(data, LENGTH_BYTES);
  const chunks = Math.ceil(plain.length / CHUNK_BYTES);
  const out = new Uint8Array(HEADER + plain.length + chunks * TAG_BYTES);
  out[0] = FORMAT;
  out.set(salt, 1);
  let at = HEADER;
  for (let index = 0; index < chunks; index++) {
    const nonce = chunkNonce(salt, index, index === chunks - 1);
    const piece = plain.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    const sealed = xchachaSeal({ key, nonce, aad: AAD }, piece);
    out.set(sealed, at);
    at += sealed.length;
    if (index % CHUNKS_PER_SLICE === CHUNKS_PER_SLICE - 1) await yieldNow();
  }
  key.fill(0);
  plain.fill(0);
  return out;
};

/** Inverse of `sealValue`. @throws AttachmentError TAMPERED, and nothing of what was read so far is returned */
export const openValue = async (
  secret: Secret,
  context: string,
  data: Uint8Array,
  yieldNow: Yield,
): Promise<Uint8Array> => {
  if (data[0] !== FORMAT || data.length < HEADER + LENGTH_BYTES + TAG_BYTES)
    throw new AttachmentError('TAMPERED');
  const salt = data.slice(1, HEADER);
  const key = valueKey(secret, salt, context);
  const body = data.subarray(HEADER);
  const sealedChunk = CHUNK_BYTES + TAG_BYTES;
  const chunks = Math.ceil(body.length / sealedChunk);
  const plain = new Uint8Array(Math.max(0, body.length - chunks * TAG_BYTES));
  try {
    for (let index = 0; index < chunks; index++) {
      const nonce = chunkNonce(salt, index, index === chunks - 1);
      const piece = body.subarray(index * sealedChunk, (index + 1) * sealedChunk);
      plain.set(xchachaOpen({ key, nonce, aad: AAD }, piece), index * CHUNK_BYTES);
      if (index % CHUNKS_PER_SLICE === CHUNKS_PER_SLICE - 1) await yieldNow();
    }
  } catch (error) {
    if (isCryptoError(error)) throw new AttachmentError('TAMPERED');
    throw error;
  } finally {
    key.fill(0);
  }
  const length = new DataView(plain.buffer).getUint32(0);
  if (length > plain.length - LENGTH_BYTES) throw new AttachmentError('TAMPERED');
  return plain.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
};
