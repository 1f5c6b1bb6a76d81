import { JsonError } from '../json/errors.ts';
import { ownObject, type JsonObject } from '../json/value.ts';
import { MAX_SIGNATURES_PER_ENTITY } from '../spec/limits.ts';
import { isKeyId, keyAlgorithm, type KeyId } from '../spec/identifiers/key-id.ts';
import type { VerifyKey } from './keys.ts';
import { jsonSignedInput } from './sign-json.ts';

/** Why an entity's signature on an object was not accepted. */
export type SignatureProblem =
  /** No `signatures` of that entity, or none with an algorithm and key that we know. */
  | 'missing'
  /** A signature of a known key does not fit, or the object holds what nobody can sign: no canonical JSON. */
  | 'invalid'
  /** More signatures than {@link MAX_SIGNATURES_PER_ENTITY}. */
  | 'too_many';

/** The outcome of a signature check. */
export type SignatureCheck =
  { readonly ok: true } | { readonly ok: false; readonly problem: SignatureProblem };

/** Finds the key an entity signed with; undefined when it is unknown or may not be used, so the signature is skipped. */
export type KeyLookup = (keyId: KeyId) => VerifyKey | undefined;

const VALID: SignatureCheck = { ok: true };

/**
 * Checks that `entity` signed a JSON object (spec: Appendices, Checking for a Signature). Unknown keys and algorithms
 * are skipped; at least one signature must remain, and all that remain must fit. Never throws for what the object holds.
 */
export function verifyJson(object: JsonObject, entity: string, keys: KeyLookup): SignatureCheck {
  let signed: string;
  try {
    signed = jsonSignedInput(object);
  } catch (error) {
    if (error instanceof JsonError) return { ok: false, problem: 'invalid' };
    throw error;
  }
  return verifySignatures(object, entity, keys, signed);
}

/** {@link verifyJson} over a text built elsewhere: events sign their redacted form. */
export function verifySignatures(
  object: JsonObject,
  entity: string,
  keys: KeyLookup,
  signed: string | Uint8Array,
): SignatureCheck {
  const signatures = ownObject(object, 'signatures');
  const ofEntity = signatures && ownObject(signatures, entity);
  if (!ofEntity) return { ok: false, problem: 'missing' };
  const entries = Object.entries(ofEntity);
  if (entries.length > MAX_SIGNATURES_PER_ENTITY) return { ok: false, problem: 'too_many' };
  let checked = false;
  for (const [keyId, signature] of entries) {
    if (!isKeyId(keyId) || keyAlgorithm(keyId) !== 'ed25519') continue;
    const key = keys(keyId);
    if (!key) continue;
    if (typeof signature !== 'string' || !key.verify(signed, signature))
      return { ok: false, problem: 'invalid' };
    checked = true;
  }
  return checked ? VALID : { ok: false, problem: 'missing' };
}

/** The key ids of known algorithms under which `entity` signed an object: what has to be fetched before a check. */
export function signingKeyIds(object: JsonObject, entity: string): KeyId[] {
  const signatures = ownObject(object, 'signatures');
  const ofEntity = signatures && ownObject(signatures, entity);
  if (!ofEntity) return [];
  return Object.keys(ofEntity)
    .slice(0, MAX_SIGNATURES_PER_ENTITY)
    .filter((keyId): keyId is KeyId => isKeyId(keyId) && keyAlgorithm(keyId) === 'ed25519');
}
