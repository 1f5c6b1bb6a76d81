import type { Pdu } from '../events/pdu.ts';
import { JsonError } from '../json/errors.ts';
import { isJsonArray, isJsonObject, ownObject, ownString, ownValue, type JsonObject } from '../json/value.ts';
import { VerifyKey } from '../signing/keys.ts';
import { jsonSignedInput } from '../signing/sign-json.ts';
import { MAX_THIRD_PARTY_INVITE_KEYS } from '../spec/limits.ts';
import { allow, reject, type AuthDecision } from './decision.ts';
import { membershipIn, type StateLookup } from './state-lookup.ts';

/** An invite that accepts an `m.room.third_party_invite` (rule 5.3.1 of version 1; 4.3.1 and 4.4.1 later, 5.4.1 in 12). */
export function authoriseThirdPartyInvite(event: Pdu, target: string, state: StateLookup): AuthDecision {
  if (membershipIn(state, target) === 'ban') return reject('invite.third_party_banned');
  const invite = ownObject(event.content, 'third_party_invite');
  const signed = invite && ownObject(invite, 'signed');
  if (!signed) return reject('invite.third_party_signed');
  const mxid = ownValue(signed, 'mxid');
  const token = ownValue(signed, 'token');
  if (mxid === undefined || typeof token !== 'string') return reject('invite.third_party_properties');
  if (mxid !== target) return reject('invite.third_party_mxid');
  const invitation = state('m.room.third_party_invite', token);
  if (!invitation) return reject('invite.third_party_event');
  if (event.sender !== invitation.sender) return reject('invite.third_party_sender');
  return isSignedByAny(signed, publicKeysOf(invitation.content))
    ? allow('invite.third_party_allow')
    : reject('invite.third_party_otherwise');
}

/** The token of a third-party invite, by which the state event is found; undefined when the content has none. */
export function thirdPartyToken(content: JsonObject): string | undefined {
  const invite = ownObject(content, 'third_party_invite');
  const signed = invite && ownObject(invite, 'signed');
  return signed && ownString(signed, 'token');
}

/** Keys in `public_key` and in `public_keys[].public_key`, those that parse, up to the bound. */
function publicKeysOf(content: JsonObject): VerifyKey[] {
  const list = ownValue(content, 'public_keys');
  const entries = isJsonArray(list) ? list.slice(0, MAX_THIRD_PARTY_INVITE_KEYS) : [];
  const texts = [
    ownValue(content, 'public_key'),
    ...entries.map((entry) => (isJsonObject(entry) ? ownValue(entry, 'public_key') : undefined)),
  ];
  return texts
    .map((text) => (typeof text === 'string' ? readKey(text) : undefined))
    .filter((key) => key !== undefined);
}

/** Identity servers publish their keys in either Base64 alphabet. */
function readKey(text: string): VerifyKey | undefined {
  return VerifyKey.fromBase64(text.replaceAll('-', '+').replaceAll('_', '/'));
}

function isSignedByAny(signed: JsonObject, keys: readonly VerifyKey[]): boolean {
  const signatures = ownObject(signed, 'signatures');
  if (!signatures || keys.length === 0) return false;
  const text = signedText(signed);
  if (text === undefined) return false;
  const candidates = Object.values(signatures)
    .flatMap((entity) => (isJsonObject(entity) ? Object.entries(entity) : []))
    .slice(0, MAX_THIRD_PARTY_INVITE_KEYS);
  return candidates.some(
    ([keyId, signature]) =>
      keyId.startsWith('ed25519:') &&
      typeof signature === 'string' &&
      keys.some((key) => key.verify(text, signature)),
  );
}

function signedText(signed: JsonObject): string | undefined {
  try {
    return jsonSignedInput(signed);
  } catch (error) {
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}
