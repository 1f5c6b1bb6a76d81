import { openPdu } from '@nyx/federation/checks/open-pdu.ts';
import type { EventKeys } from '@nyx/federation/checks/ports.ts';
import { checkSignatures, keysNeeded } from '@nyx/federation/checks/receive-pdu.ts';
import { claimedRoomId } from '@nyx/federation/events/pdu.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { DomainError } from '../errors.ts';
import type { OwnPolicy } from '../events/own-policy.ts';
import type { PolicyServers } from '../events/policy-servers.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { RoomAccess } from './room-access.ts';

export type PolicyDeskDeps = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly keys: EventKeys;
  readonly policies: PolicyServers;
  /** Undefined where this server is no policy server. */
  readonly own: OwnPolicy | undefined;
};

/** Signs events of rooms whose policy server we are (spec: Server-Server API, POST sign). */
export class PolicyDesk {
  readonly #deps: PolicyDeskDeps;
  readonly #server: ServerName;

  constructor(deps: PolicyDeskDeps, server: ServerName) {
    this.#deps = deps;
    this.#server = server;
  }

  /**
   * Throws `unrecognized` when this server is no policy server, `not_found` for a room that it does not protect,
   * `forbidden` for a server that the room's ACL keeps out, `bad_json`, `not_recommended`.
   */
  async sign(origin: ServerName, json: JsonObject): Promise<JsonObject> {
    const { rooms, access, keys, policies, own } = this.#deps;
    if (own === undefined) throw new DomainError('unrecognized', 'This server is no policy server');
    const room = claimedRoomId(json);
    const live = isRoomId(room) ? await rooms.find(room) : undefined;
    const policy = live && (await policies.of(live.head));
    if (live === undefined || policy?.server !== this.#server) {
      throw new DomainError('not_found', 'The room is not protected by this server');
    }
    if (!(await access.passesAcl(live, origin))) {
      throw new DomainError('forbidden', 'Your server is banned from the room');
    }
    const opened = openPdu(live.head.rules, json);
    if ('field' in opened) throw new DomainError('bad_json', opened.message);
    await keys.fetch(keysNeeded([opened]));
    // The signature covers the hash, not the content: what does not fit it could be swapped afterwards.
    if (opened.redacted || checkSignatures(opened, keys) !== undefined) {
      throw new DomainError('not_recommended', 'The event is not what its sender signed');
    }
    return own.sign(live.head.rules, opened.pdu);
  }
}
