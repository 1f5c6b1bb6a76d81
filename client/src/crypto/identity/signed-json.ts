/** Signatures over JSON objects as Matrix makes them (appendices, "Signing JSON"). */
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { utf8 } from '../primitives/bytes.ts';
import { ed25519Sign, ed25519Verify, type Ed25519Secret } from '../primitives/ed25519.ts';
import { canonicalJson } from './canonical-json.ts';

export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>;
export type Signable = Readonly<Record<string, unknown>> & { readonly signatures?: Signatures | undefined };

/** The bytes that a signature covers: without `signatures` and `unsigned`. */
export function signedBytes(object: Signable): Uint8Array {
  const { signatures: _signatures, unsigned: _unsigned, ...rest } = object as Record<string, unknown>;
  return utf8(canonicalJson(rest));
}

/** The object with one more signature. `keyId` is the whole id, such as `ed25519:DEVICE`. */
export function signJson<T extends Signable>(
  object: T,
  userId: string,
  keyId: string,
  secret: Ed25519Secret,
): T & { readonly signatures: Signatures } {
  const signature = toBase64(ed25519Sign(secret, signedBytes(object)));
  const signatures = object.signatures ?? {};
  return {
    ...object,
    signatures: { ...signatures, [userId]: { ...signatures[userId], [keyId]: signature } },
  };
}

/** Whether `object` carries a valid signature of `userId` by the key `keyId` with this public key (base64). */
export function verifyJson(object: Signable, userId: string, keyId: string, publicKey: string): boolean {
  const signature = object.signatures?.[userId]?.[keyId];
  if (typeof signature !== 'string') return false;
  try {
    return ed25519Verify(fromBase64(publicKey), signedBytes(object), fromBase64(signature));
  } catch {
    return false;
  }
}
