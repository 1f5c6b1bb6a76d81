import type { JsonObject } from '@nyx/federation/json/value.ts';
import { ownObject } from '@nyx/federation/json/value.ts';
import type { KeySignature } from '../../ports/cross-signing-store.ts';

/** A signed object with further signatures; those it had stay. */
export const withSignatures = (object: JsonObject, added: readonly KeySignature[]): JsonObject => {
  if (added.length === 0) return object;
  const signatures = new Map<string, JsonObject>(
    Object.entries(ownObject(object, 'signatures') ?? {}).filter(
      (entry): entry is [string, JsonObject] => typeof entry[1] === 'object',
    ),
  );
  for (const { signer, keyId, signature } of added)
    signatures.set(signer, { ...signatures.get(signer), [keyId]: signature });
  return { ...object, signatures: Object.fromEntries(signatures) };
};
