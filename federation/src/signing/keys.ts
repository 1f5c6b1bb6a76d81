import {
  createHash,
  createPrivateKey,
  createPublicKey,
  sign as ed25519Sign,
  verify as ed25519Verify,
  type KeyObject,
} from 'node:crypto';
import { inspect } from 'node:util';
import { LRUCache } from 'lru-cache';
import { decodeBase64, encodeBase64 } from '../json/base64.ts';
import { makeServerKeyId, type KeyId } from '../spec/identifiers/key-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';

/** Bytes of an Ed25519 seed and of an Ed25519 public key. */
export const ED25519_KEY_BYTES = 32;

/** DER in front of a raw seed (RFC 8410, PKCS#8) and of a raw public key (SubjectPublicKeyInfo). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

/**
 * 64 bytes in Base64, padded or not. The last character carries four bits that mean nothing; they must be zero, or an
 * event could be passed on with its signature changed and still be taken.
 */
const SIGNATURE_TEXT = /^[A-Za-z0-9+/]{85}[AQgw](?:==)?$/;

/** Parsed public keys kept at hand: importing one costs about as much as a signature check. */
const MAX_CACHED_VERIFY_KEYS = 10_000;
const verifyKeys = new LRUCache<string, VerifyKey>({ max: MAX_CACHED_VERIFY_KEYS });

/** Key material that is not what it should be. Carries none of it. */
export class KeyFormatError extends Error {
  override readonly name = 'KeyFormatError';
  readonly code = 'key_format';
}

/** A private Ed25519 key of ours with its id. Prints and serialises as its id only. */
export class SigningKey {
  readonly keyId: KeyId;
  /** The public half in unpadded Base64, as `verify_keys` publishes it. */
  readonly publicKey: string;
  readonly #privateKey: KeyObject;

  private constructor(keyId: KeyId, privateKey: KeyObject, publicKey: string) {
    this.keyId = keyId;
    this.#privateKey = privateKey;
    this.publicKey = publicKey;
  }

  /** Makes the key `ed25519:version` from its 32-byte seed; throws {@link KeyFormatError} for another length. */
  static fromSeed(version: string, seed: Uint8Array): SigningKey {
    if (seed.length !== ED25519_KEY_BYTES) throw new KeyFormatError('an Ed25519 seed has 32 bytes');
    const der = Buffer.concat([PKCS8_PREFIX, seed]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    der.fill(0);
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
    return new SigningKey(
      makeServerKeyId(version),
      privateKey,
      encodeBase64(spki.subarray(SPKI_PREFIX.length)),
    );
  }

  /** Signs bytes, or a text's UTF-8; returns the signature in unpadded Base64. */
  sign(message: string | Uint8Array): string {
    const bytes = typeof message === 'string' ? Buffer.from(message) : message;
    return ed25519Sign(null, bytes, this.#privateKey).toString('base64').slice(0, 86);
  }

  toString(): string {
    return `SigningKey(${this.keyId})`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

/** A public Ed25519 key, ready to check signatures with. */
export class VerifyKey {
  readonly #key: KeyObject;

  private constructor(key: KeyObject) {
    this.#key = key;
  }

  /** The key in Base64, or undefined when that is not a 32-byte value. Keys are cached by their text. */
  static fromBase64(text: string): VerifyKey | undefined {
    const cached = verifyKeys.get(text);
    if (cached) return cached;
    const bytes = text.length <= ED25519_KEY_BYTES * 2 ? decodeBase64(text) : undefined;
    if (bytes?.length !== ED25519_KEY_BYTES) return undefined;
    const der = Buffer.concat([SPKI_PREFIX, bytes]);
    const key = new VerifyKey(createPublicKey({ key: der, format: 'der', type: 'spki' }));
    verifyKeys.set(text, key);
    return key;
  }

  /** Whether `signature` (Base64) signs the message. False, never an error, for malformed signatures. */
  verify(message: string | Uint8Array, signature: string): boolean {
    if (!SIGNATURE_TEXT.test(signature)) return false;
    const bytes = Buffer.from(signature, 'base64');
    return ed25519Verify(
      null,
      typeof message === 'string' ? Buffer.from(message) : message,
      this.#key,
      bytes,
    );
  }
}

/** Who signs: a server name and one of its keys. */
export type Signer = { readonly server: ServerName; readonly key: SigningKey };

/** A key id for a new key of ours that does not repeat: derived from its public half. */
export function keyVersionOf(publicKey: string): string {
  return 'n' + createHash('sha256').update(publicKey).digest('hex').slice(0, 8);
}
