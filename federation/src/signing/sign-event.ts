import { eventIdFrom } from '../events/event-id.ts';
import { contentHash, signedInput } from '../events/hash.ts';
import type { JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { Signer } from './keys.ts';
import { withSignature } from './sign-json.ts';

/** An event ready to be sent, with the id it has. */
export type SignedEvent = { readonly json: JsonObject; readonly eventId: EventId };

/**
 * Adds the content hash and our signature to an event (spec: Server-Server API, Adding hashes and signatures to
 * outgoing events). Signatures that it already has are kept only if they are meant to: pass the event without stale ones.
 */
export function signEvent(rules: RoomVersionRules, event: JsonObject, signer: Signer): SignedEvent {
  const hashed: JsonObject = { ...event, hashes: { sha256: contentHash(rules, event) } };
  const signed = signedInput(rules, hashed);
  const json = withSignature(hashed, signer.server, signer.key.keyId, signer.key.sign(signed));
  return { json, eventId: eventIdFrom(rules, json, signed) };
}

/** Adds our signature to an event that another server hashed and signed: an invite, or a restricted join through us. */
export function cosignEvent(rules: RoomVersionRules, event: JsonObject, signer: Signer): JsonObject {
  const signature = signer.key.sign(signedInput(rules, event));
  return withSignature(event, signer.server, signer.key.keyId, signature);
}
