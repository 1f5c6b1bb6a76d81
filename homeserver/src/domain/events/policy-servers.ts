import {
  hasPolicySignature,
  needsPolicySignature,
  POLICY_KEY_ID,
  policyServerIn,
  type PolicyServer,
} from '@nyx/federation/checks/policy-server.ts';
import { lookupInList } from '@nyx/federation/auth/state-lookup.ts';
import { readPdu, type Pdu } from '@nyx/federation/events/pdu.ts';
import { ownObject, ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import { withSignature } from '@nyx/federation/signing/sign-json.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../errors.ts';
import type { EventSource } from './authorise.ts';
import type { RoomHead } from './room-head.ts';

/** Has policy servers sign events. Throws a DomainError with what the server answers when it refuses. */
export interface PolicySignatures {
  /** The signatures that the policy server adds, by server and key id. */
  ask(server: ServerName, event: Pdu, head: RoomHead): Promise<JsonObject>;
}

/** States whose policy server is remembered. */
const MAX_STATES = 2_000;
const NONE = Symbol('no policy server');

/** The policy servers of rooms, and their signatures on events (spec: Server-Server API, Policy Servers). */
export class PolicyServers {
  readonly #events: EventSource;
  readonly #signatures: PolicySignatures;
  readonly #known = new LRUCache<string, PolicyServer | typeof NONE>({ max: MAX_STATES });

  constructor(events: EventSource, signatures: PolicySignatures) {
    this.#events = events;
    this.#signatures = signatures;
  }

  /** The policy server that a room uses now. */
  async of(head: RoomHead): Promise<PolicyServer | undefined> {
    const id = head.state.get(EventType.Policy, '');
    if (id === undefined) return undefined;
    const known = this.#known.get(head.state.id);
    if (known !== undefined) return known === NONE ? undefined : known;
    const found = await this.#events.getAll([id]);
    const policy = policyServerIn(lookupInList([...found.values()].map(({ pdu }) => pdu)));
    const isUsed = policy !== undefined && hasMember(head, policy.server);
    this.#known.set(head.state.id, isUsed ? policy : NONE);
    return isUsed ? policy : undefined;
  }

  /**
   * The event with the signature of the room's policy server, where the room uses one and the event lacks it. Throws
   * what the policy server says, or `bad_gateway` when it does not answer or signs with another key.
   */
  async signed(head: RoomHead, event: Pdu): Promise<Pdu> {
    const policy = await this.of(head);
    if (policy === undefined || !needsPolicySignature(event)) return event;
    if (hasPolicySignature(head.rules, event, policy)) return event;
    const answer = await this.#signatures.ask(policy.server, event, head);
    const text = ownString(ownObject(answer, policy.server) ?? {}, POLICY_KEY_ID);
    const signed = text === undefined ? undefined : withPolicySignature(head, event, policy, text);
    if (signed === undefined || !hasPolicySignature(head.rules, signed, policy)) {
      throw new DomainError('bad_gateway', 'The policy server of the room gave no valid signature');
    }
    return signed;
  }
}

const withPolicySignature = (head: RoomHead, event: Pdu, policy: PolicyServer, text: string): Pdu => {
  const json = withSignature(event.json, policy.server, POLICY_KEY_ID, text);
  // The room id of a create event is not in its JSON from version 12 on; policy servers never sign those.
  return { ...readPdu(head.rules, json, event.eventId), roomId: event.roomId };
};

function hasMember(head: RoomHead, server: ServerName): boolean {
  const suffix = `:${server}`;
  for (const [user, membership] of head.state.members())
    if (membership === 'join' && user.endsWith(suffix)) return true;
  return false;
}
