import { signedInput } from '../events/hash.ts';
import { ownObject, ownString, ownValue, type JsonObject } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { EventType } from '../spec/event-types.ts';
import { eventIdDomain, isEventId } from '../spec/identifiers/event-id.ts';
import type { ServerName } from '../spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '../spec/identifiers/user-id.ts';
import type { VerifyKey } from './keys.ts';
import type { KeyId } from '../spec/identifiers/key-id.ts';
import { verifySignatures, type SignatureCheck } from './verify-json.ts';

/** Finds a server's key that may be used for an event; undefined when it is unknown, or was not valid at that time. */
export type EventKeyLookup = (server: ServerName, keyId: KeyId) => VerifyKey | undefined;

/** The outcome of checking an event's signatures; a failure names the server whose signature is wanting. */
export type EventSignatureCheck =
  | { readonly ok: true }
  | { readonly ok: false; readonly server: ServerName | undefined; readonly check: SignatureCheck };

/**
 * The servers that must have signed an event (spec: Server-Server API, Validating hashes and signatures on received
 * events; room version 8, rule 4.2). Undefined when the event names no server that could.
 */
export function requiredSigners(rules: RoomVersionRules, event: JsonObject): ServerName[] | undefined {
  const signers = new Set<ServerName>();
  if (!isThirdPartyInvite(event)) {
    const sender = ownValue(event, 'sender');
    if (!isUserId(sender)) return undefined;
    signers.add(userIdServer(sender));
  }
  if (rules.eventIdServerSigns) {
    const eventId = ownValue(event, 'event_id');
    const domain = isEventId(eventId) ? eventIdDomain(eventId) : undefined;
    if (domain === undefined) return undefined;
    signers.add(domain);
  }
  if (rules.auth.restrictedJoins && ownValue(event, 'type') === EventType.Member) {
    const content = ownObject(event, 'content');
    const authoriser = content && ownValue(content, 'join_authorised_via_users_server');
    if (authoriser !== undefined) {
      if (!isUserId(authoriser)) return undefined;
      signers.add(userIdServer(authoriser));
    }
  }
  return [...signers];
}

/**
 * Checks the signatures that an event needs. `signed` is {@link signedInput} of the event, if at hand. The keys must
 * be known already: fetch those of {@link requiredSigners} first.
 */
export function verifyEventSignatures(
  rules: RoomVersionRules,
  event: JsonObject,
  keys: EventKeyLookup,
  signed: string = signedInput(rules, event),
): EventSignatureCheck {
  const servers = requiredSigners(rules, event);
  if (!servers) return { ok: false, server: undefined, check: { ok: false, problem: 'missing' } };
  const bytes = Buffer.from(signed);
  for (const server of servers) {
    const check = verifySignatures(event, server, (keyId) => keys(server, keyId), bytes);
    if (!check.ok) return { ok: false, server, check };
  }
  return { ok: true };
}

/**
 * A third-party invite's sender made the `m.room.third_party_invite`; the event may come from the invited user's
 * server, so the sender's need not have signed it (spec: as above).
 */
function isThirdPartyInvite(event: JsonObject): boolean {
  if (ownString(event, 'type') !== EventType.Member) return false;
  const content = ownObject(event, 'content');
  if (!content || ownString(content, 'membership') !== 'invite') return false;
  return ownObject(content, 'third_party_invite') !== undefined;
}
