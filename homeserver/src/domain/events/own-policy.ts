import { needsPolicySignature, POLICY_KEY_ID } from '@nyx/federation/checks/policy-server.ts';
import { signedInput } from '@nyx/federation/events/hash.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import type { SigningKey } from '@nyx/federation/signing/keys.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';

/** Values of one event that are looked through: an event has at most 64 KiB. */
const MAX_VALUES = 20_000;

/**
 * What this server recommends where it is the policy server of a room: everything but events in which a text holds one
 * of the operator's terms. Its key is not the one that it signs events and requests with (spec: Server-Server API,
 * Validating Policy Server signatures).
 */
export class OwnPolicy {
  readonly #server: ServerName;
  readonly #key: SigningKey;
  readonly #denied: readonly string[];

  constructor(server: ServerName, key: SigningKey, deniedTerms: readonly string[]) {
    this.#server = server;
    this.#key = key;
    this.#denied = deniedTerms.map((term) => term.toLowerCase());
  }

  /** What rooms put into their `m.room.policy`, in unpadded Base64. */
  get publicKey(): string {
    return this.#key.publicKey;
  }

  /** The signature, as `POST sign` answers it. Throws `not_recommended`. */
  sign(rules: RoomVersionRules, event: Pdu): JsonObject {
    if (!needsPolicySignature(event) || this.#isDenied(event.content)) {
      throw new DomainError('not_recommended', 'The event is not recommended for inclusion in the room');
    }
    return { [this.#server]: { [POLICY_KEY_ID]: this.#key.sign(signedInput(rules, event.json)) } };
  }

  #isDenied(content: JsonObject): boolean {
    const open: JsonValue[] = [content];
    for (let seen = 0; seen < MAX_VALUES; seen++) {
      const value = open.pop();
      if (value === undefined) return false;
      if (typeof value === 'string') {
        const text = value.toLowerCase();
        if (this.#denied.some((term) => text.includes(term))) return true;
      } else if (isJsonArray(value)) open.push(...value);
      else if (isJsonObject(value)) open.push(...Object.values(value));
    }
    return true;
  }
}
