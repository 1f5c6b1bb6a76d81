import { canonicalJsonWithout } from '../json/canonical.ts';
import { ownObject, type JsonObject } from '../json/value.ts';
import type { Signer } from './keys.ts';

const UNSIGNED_KEYS: ReadonlySet<string> = new Set(['signatures', 'unsigned']);

/** The text that a JSON object's signatures cover (spec: Appendices, Signing Details). */
export function jsonSignedInput(object: JsonObject): string {
  return canonicalJsonWithout(object, UNSIGNED_KEYS);
}

/** Signs a JSON object; returns a copy with the signature added to those it has. For events use `signEvent`. */
export function signJson(object: JsonObject, signer: Signer): JsonObject {
  return withSignature(object, signer.server, signer.key.keyId, signer.key.sign(jsonSignedInput(object)));
}

/** A copy of an object with one more signature. */
export function withSignature(
  object: JsonObject,
  entity: string,
  keyId: string,
  signature: string,
): JsonObject {
  const signatures = ownObject(object, 'signatures') ?? {};
  const ofEntity = ownObject(signatures, entity) ?? {};
  return { ...object, signatures: { ...signatures, [entity]: { ...ofEntity, [keyId]: signature } } };
}
