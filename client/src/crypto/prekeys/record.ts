import { Reader, Writer } from '../primitives/codec.ts';
import { CodecError } from '../primitives/errors.ts';
import { checkMlKemSecret, ML_KEM_SECRET_BYTES, mlKemPublicKey } from '../primitives/ml-kem.ts';
import { Secret } from '../primitives/secret.ts';
import { X25519_BYTES, type X25519KeyPair } from '../primitives/x25519.ts';
import type { OneTimePrekey, SignedPrekey } from './types.ts';

/** Binary records of prekeys for the vault, which encrypts them. Version byte first; strict on reading. */

const VERSION = 1;

const writePair = (writer: Writer, pair: X25519KeyPair): Writer =>
  writer.fixed(pair.secret.expose()).fixed(pair.public);

const readPair = (reader: Reader): X25519KeyPair => ({
  secret: Secret.take('x25519', reader.fixed(X25519_BYTES)),
  public: reader.fixed(X25519_BYTES),
});

const open = (bytes: Uint8Array): Reader => {
  const reader = new Reader(bytes);
  if (reader.u8() !== VERSION) throw new CodecError('UNKNOWN_VERSION');
  return reader;
};

/** A one-time prekey as bytes that hold its private key: encrypt, then wipe. */
export const encodeOneTimeRecord = (prekey: OneTimePrekey): Uint8Array => {
  const writer = new Writer(96).u8(VERSION).u32(prekey.id).u32(prekey.batch);
  return writePair(writer, prekey.keys)
    .optional(prekey.publishedAt, (w, at) => w.u64(at))
    .finish();
};

/** Inverse of `encodeOneTimeRecord`; throws CodecError. */
export const decodeOneTimeRecord = (bytes: Uint8Array): OneTimePrekey => {
  const reader = open(bytes);
  const prekey: OneTimePrekey = {
    id: reader.u32(),
    batch: reader.u32(),
    keys: readPair(reader),
    publishedAt: reader.optional((r) => r.u64()),
  };
  reader.end();
  return prekey;
};

/** A signed prekey as bytes that hold its private keys: encrypt, then wipe. */
export const encodeSignedRecord = (prekey: SignedPrekey): Uint8Array => {
  const writer = new Writer(2560).u8(VERSION).u32(prekey.id).u32(prekey.createdDay).u64(prekey.createdAt);
  return writePair(writer, prekey.keys)
    .fixed(prekey.kem.secret.expose())
    .optional(prekey.supersededAt, (w, at) => w.u64(at))
    .u32(prekey.copies)
    .finish();
};

/** Inverse of `encodeSignedRecord`, with the KEM key's own check (FIPS 203, section 7.3). */
export const decodeSignedRecord = (bytes: Uint8Array): SignedPrekey => {
  const reader = open(bytes);
  const id = reader.u32();
  const createdDay = reader.u32();
  const createdAt = reader.u64();
  const keys = readPair(reader);
  const secret = Secret.take('ml-kem-768', reader.fixed(ML_KEM_SECRET_BYTES));
  checkMlKemSecret(secret);
  const prekey: SignedPrekey = {
    id,
    createdDay,
    createdAt,
    keys,
    kem: { secret, public: mlKemPublicKey(secret) },
    supersededAt: reader.optional((r) => r.u64()),
    copies: reader.u32(),
  };
  reader.end();
  return prekey;
};
