import type { StateLookup } from '../auth/state-lookup.ts';
import type { Pdu } from '../events/pdu.ts';
import { signedInput } from '../events/hash.ts';
import { ownObject, ownString } from '../json/value.ts';
import type { RoomVersionRules } from '../room-versions/rules.ts';
import { VerifyKey } from '../signing/keys.ts';
import { verifySignatures } from '../signing/verify-json.ts';
import { EventType } from '../spec/event-types.ts';
import { isServerName, type ServerName } from '../spec/identifiers/server-name.ts';

/** The policy server that a room's state names. It counts only while one of its users is joined: the caller knows. */
export type PolicyServer = { readonly server: ServerName; readonly key: VerifyKey };

/** The key id of every policy server's signature (spec: Server-Server API, Policy Servers). */
export const POLICY_KEY_ID = 'ed25519:policy_server';

/** The policy server of a room's current state, if its event is valid (spec: Determining if a Policy Server is enabled). */
export function policyServerIn(state: StateLookup): PolicyServer | undefined {
  const content = state(EventType.Policy, '')?.content;
  const server = content && ownString(content, 'via');
  const keys = content && ownObject(content, 'public_keys');
  const text = keys && ownString(keys, 'ed25519');
  const key = text === undefined ? undefined : VerifyKey.fromBase64(text);
  return isServerName(server) && key ? { server, key } : undefined;
}

/** Whether a policy server has to sign an event: all but the state event that appoints policy servers. */
export function needsPolicySignature(event: Pick<Pdu, 'type' | 'stateKey'>): boolean {
  return event.type !== EventType.Policy || event.stateKey !== '';
}

/** Whether an event bears the policy server's signature (spec: Validating Policy Server signatures). */
export function hasPolicySignature(version: RoomVersionRules, event: Pdu, policy: PolicyServer): boolean {
  const keys = (keyId: string) => (keyId === POLICY_KEY_ID ? policy.key : undefined);
  return verifySignatures(event.json, policy.server, keys, signedInput(version, event.json)).ok;
}
