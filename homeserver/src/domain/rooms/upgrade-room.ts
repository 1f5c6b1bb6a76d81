import { isJsonObject, ownObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { isCreator } from '@nyx/federation/auth/power.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { RoomAliases } from '../../ports/room-directory.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { CreateRoom, InitialState } from './create-room.ts';
import type { LocalEvents } from './local-events.ts';
import type { PublicRooms } from './public-rooms.ts';
import type { RoomReads } from './room-reads.ts';

export type UpgradeRequest = {
  readonly room: RoomId;
  readonly user: UserId;
  readonly version: string;
  readonly additionalCreators: readonly UserId[];
};

export type UpgradeRoomDeps = {
  readonly rooms: RoomReads;
  readonly create: CreateRoom;
  readonly local: LocalEvents;
  readonly aliases: RoomAliases;
  readonly publicRooms: PublicRooms;
};

/** State that is taken over into the new room (spec: Client-Server API, room upgrades, server behaviour). */
const TAKEN_OVER: readonly string[] = [
  EventType.ServerAcl,
  EventType.Encryption,
  EventType.Name,
  EventType.Avatar,
  EventType.Topic,
  EventType.GuestAccess,
  EventType.HistoryVisibility,
  EventType.JoinRules,
  EventType.PowerLevels,
];
/** Bans and children that are taken over: bounds what one request copies. */
const MAX_COPIED = 400;
/** Who may speak in the old room afterwards. */
const MUTED_LEVEL = 50;

/** Replaces rooms by new ones of another version (spec: Client-Server API, POST upgrade). */
export class UpgradeRoom {
  readonly #deps: UpgradeRoomDeps;

  constructor(deps: UpgradeRoomDeps) {
    this.#deps = deps;
  }

  /** Answers the new room. Throws `forbidden`, `unsupported_room_version`. */
  async upgrade({ room, user, version, additionalCreators }: UpgradeRequest): Promise<RoomId> {
    const { rooms, create, local, publicRooms } = this.#deps;
    const rules = roomVersionRules(version);
    if (rules?.eventReferences !== 'ids') {
      throw new DomainError('unsupported_room_version', 'This server does not make rooms of that version');
    }
    const live = await rooms.requireJoined(room, user);
    const power = await rooms.power(live);
    if (power.ofUser(user) < power.toSend(EventType.Tombstone, true)) {
      throw new DomainError('forbidden', 'You may not upgrade this room');
    }
    const replacement = await create.create({
      creator: user,
      version,
      preset: 'private_chat',
      isPublic: false,
      alias: undefined,
      name: undefined,
      topic: undefined,
      invite: [],
      isDirect: false,
      creationContent: this.#creation(live, rules, additionalCreators),
      initialState: await this.#state(live, rules, user, additionalCreators),
      powerLevels: {},
    });
    await local.append(room, {
      type: EventType.Tombstone,
      sender: user,
      stateKey: '',
      content: { body: 'This room has been replaced', replacement_room: replacement },
    });
    await this.#moveAliases(live, user, replacement);
    if (await publicRooms.isPublic(room)) {
      await publicRooms.unpublish(room);
      await publicRooms.publish(replacement);
    }
    await this.#mute(live, user);
    return replacement;
  }

  #creation(live: LiveRoom, rules: RoomVersionRules, additionalCreators: readonly UserId[]): JsonObject {
    const { pdu } = live.createEvent;
    const content: Record<string, JsonValue> = { predecessor: { room_id: live.head.room } };
    for (const key of ['type', 'm.federate']) {
      const value = pdu.content[key];
      if (value !== undefined) content[key] = value;
    }
    if (rules.auth.privilegedCreators && additionalCreators.length > 0) {
      content.additional_creators = [...additionalCreators];
    }
    return content;
  }

  async #state(
    live: LiveRoom,
    rules: RoomVersionRules,
    user: UserId,
    additionalCreators: readonly UserId[],
  ): Promise<InitialState[]> {
    const { rooms } = this.#deps;
    const state: InitialState[] = [];
    for (const type of TAKEN_OVER) {
      const event = await rooms.stateEvent(live.head.state, type, '');
      if (event === undefined) continue;
      const content =
        type === EventType.PowerLevels
          ? this.#powerLevels(live, rules, event.pdu.content, user, additionalCreators)
          : event.pdu.content;
      state.push({ type, stateKey: '', content });
    }
    const copied = [...live.head.state.ofType(EventType.SpaceChild)].map(([, id]) => id);
    for (const [, membership, id] of live.head.state.members()) if (membership === 'ban') copied.push(id);
    const events = await rooms.engine.events.getAll(copied.slice(0, MAX_COPIED));
    for (const { pdu } of events.values()) {
      const { type, stateKey, content } = pdu;
      if (stateKey !== undefined && Object.keys(content).length > 0) state.push({ type, stateKey, content });
    }
    return state;
  }

  /** From version 12 on creators may not be listed; going back, who had infinite power gets the highest level. */
  #powerLevels(
    live: LiveRoom,
    rules: RoomVersionRules,
    content: JsonObject,
    user: UserId,
    additionalCreators: readonly UserId[],
  ): JsonObject {
    const creators = new Set<string>(rules.auth.privilegedCreators ? [user, ...additionalCreators] : []);
    const users: Record<string, JsonValue> = Object.fromEntries(
      Object.entries(ownObject(content, 'users') ?? {}).filter(([member]) => !creators.has(member)),
    );
    if (!rules.auth.privilegedCreators) {
      const highest = Object.values(users).reduce<number>(
        (max, level) => (typeof level === 'number' && level > max ? level : max),
        DEFAULT_CREATOR_LEVEL,
      );
      users[user] = highest;
      for (const [member] of live.head.state.members()) {
        if (isCreator(live.head.rules.auth, live.createEvent.pdu, member)) users[member] = highest;
      }
    }
    const events = ownObject(content, 'events');
    return { ...content, users, ...(isJsonObject(events) ? { events } : {}) };
  }

  async #moveAliases(live: LiveRoom, user: UserId, replacement: RoomId): Promise<void> {
    const { aliases, local, rooms } = this.#deps;
    for (const record of await aliases.ofRoom(live.head.room)) {
      await aliases.remove(record.alias);
      await aliases.add({ ...record, room: replacement });
    }
    const canonical = await rooms.stateEvent(live.head.state, EventType.CanonicalAlias, '');
    if (canonical === undefined || Object.keys(canonical.pdu.content).length === 0) return;
    const type = EventType.CanonicalAlias;
    const { content } = canonical.pdu;
    await this.#attempt(() =>
      local.append(live.head.room, { type, sender: user, stateKey: '', content: {} }),
    );
    await this.#attempt(() => local.append(replacement, { type, sender: user, stateKey: '', content }));
  }

  /** Nobody but moderators should go on talking in the old room. */
  async #mute(live: LiveRoom, user: UserId): Promise<void> {
    const { rooms, local } = this.#deps;
    const levels = await rooms.stateEvent(live.head.state, EventType.PowerLevels, '');
    if (levels === undefined) return;
    const { content } = levels.pdu;
    const base = typeof content.users_default === 'number' ? content.users_default : 0;
    const muted = Math.max(MUTED_LEVEL, base + 1);
    const raised: Record<string, JsonValue> = {};
    for (const key of ['events_default', 'invite']) {
      const level = content[key];
      if (typeof level !== 'number' || level < muted) raised[key] = muted;
    }
    await this.#attempt(() =>
      local.append(live.head.room, {
        type: EventType.PowerLevels,
        sender: user,
        stateKey: '',
        content: { ...content, ...raised },
      }),
    );
  }

  /** What the user's power does not reach stays as it was. */
  async #attempt(change: () => Promise<unknown>): Promise<void> {
    try {
      await change();
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
    }
  }
}

const DEFAULT_CREATOR_LEVEL = 100;
