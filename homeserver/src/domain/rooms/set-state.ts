import { isJsonArray, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import { isRoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isUserId, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { DomainError } from '../errors.ts';
import type { EventRequest } from '../events/event-builder.ts';
import type { FindRoom } from './find-room.ts';
import { guardEncryption, isEncryptionState } from './guard-encryption.ts';
import type { InviteUser } from './invite-user.ts';
import type { JoinRoom } from './join-room.ts';
import type { LocalEvents } from './local-events.ts';
import type { RoomReads } from './room-reads.ts';

export type SetStateRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly type: string;
  readonly stateKey: string;
  readonly content: JsonObject;
};

/** Sets room state for local users (spec: Client-Server API, PUT state). */
export class SetState {
  readonly #rooms: RoomReads;
  readonly #local: LocalEvents;
  readonly #find: FindRoom;
  readonly #join: JoinRoom;
  readonly #invite: InviteUser;

  constructor(rooms: RoomReads, local: LocalEvents, find: FindRoom, join: JoinRoom, invite: InviteUser) {
    this.#rooms = rooms;
    this.#local = local;
    this.#find = find;
    this.#join = join;
    this.#invite = invite;
  }

  /** Answers the id of the event that is the state now. Throws `forbidden`, `bad_alias`, `invalid_param`. */
  async set(request: SetStateRequest): Promise<EventId> {
    const { room, user, type, stateKey, content } = request;
    if (type === EventType.Create) throw new DomainError('forbidden', 'A room is created once');
    if (type === EventType.Member) return this.#setMember(request);
    if (type === EventType.CanonicalAlias) await this.#checkAliases(room, content);
    const append: EventRequest = { type, sender: user, stateKey, content };
    if (!isEncryptionState({ type, stateKey })) return this.#local.append(room, append);
    return this.#local.append(room, append, async ({ state }) => {
      const before = await this.#rooms.stateEvent(state, type, stateKey);
      guardEncryption(before?.pdu.content, content);
    });
  }

  /** Invites and joins have checks of their own; other memberships are events like any other. */
  async #setMember({ room, user, type, stateKey, content }: SetStateRequest): Promise<EventId> {
    if (!isUserId(stateKey)) throw new DomainError('invalid_param', 'The state key is not a user id');
    const live = await this.#rooms.find(room);
    const current = live?.head.state.membership(stateKey);
    const { membership } = content;
    if (membership === 'invite' && current !== 'invite') {
      const reason = typeof content.reason === 'string' ? content.reason : undefined;
      await this.#invite.invite({ room, sender: user, target: stateKey, reason, extra: content });
    } else if (membership === 'join' && current !== 'join' && stateKey === user) {
      await this.#join.join({ room, user, via: [] });
    } else {
      return this.#local.append(room, { type, sender: user, stateKey, content });
    }
    const after = (await this.#rooms.require(room)).head.state.get(type, stateKey);
    if (after === undefined) throw new DomainError('not_found', 'The room is gone');
    return after;
  }

  /** New aliases must point at this room (spec: Client-Server API, M_BAD_ALIAS). */
  async #checkAliases(room: RoomId, content: JsonObject): Promise<void> {
    const live = await this.#rooms.require(room);
    const before = await this.#rooms.stateEvent(live.head.state, EventType.CanonicalAlias, '');
    const known = new Set(before === undefined ? [] : aliasesIn(before.pdu.content));
    for (const alias of aliasesIn(content)) {
      if (known.has(alias)) continue;
      if (typeof alias !== 'string' || !isRoomAlias(alias)) {
        throw new DomainError('invalid_param', 'Not a room alias');
      }
      const target = await this.#resolve(alias);
      if (target !== room) throw new DomainError('bad_alias', `${alias} does not point at this room`);
    }
  }

  async #resolve(alias: string): Promise<RoomId | undefined> {
    try {
      return (await this.#find.find(alias)).room;
    } catch (error) {
      if (error instanceof DomainError) return undefined;
      throw error;
    }
  }
}

const MAX_ALIASES = 100;

function aliasesIn(content: JsonObject): unknown[] {
  const alias = ownValue(content, 'alias');
  const others = ownValue(content, 'alt_aliases');
  const list: unknown[] = isJsonArray(others) ? others.slice(0, MAX_ALIASES) : [];
  return alias === undefined || alias === null || alias === '' ? list : [alias, ...list];
}
