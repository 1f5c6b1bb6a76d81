import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import { roomVersionRules } from '@nyx/federation/room-versions/registry.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { RoomAlias } from '@nyx/federation/spec/identifiers/room-alias.ts';
import { parseRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { userIdServer, type UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { InvitePolicy } from '../../ports/invite-policy.ts';
import type { ProfileLookup } from '../../ports/profile-lookup.ts';
import type { Random } from '../../ports/random.ts';
import { DomainError } from '../errors.ts';
import type { EventBuilder, EventRequest } from '../events/event-builder.ts';
import type { Extended } from '../events/extend-room.ts';
import type { InviteUser } from './invite-user.ts';
import { memberContent } from './member-content.ts';
import { RoomExists, type RoomFounder } from './room-founder.ts';
import { defaultPowerLevels, presetState, type RoomPreset } from './room-presets.ts';

export type InitialState = { readonly type: string; readonly stateKey: string; readonly content: JsonObject };

export type CreateRoomRequest = {
  readonly creator: UserId;
  readonly version: string;
  readonly preset: RoomPreset;
  readonly isPublic: boolean;
  readonly alias: RoomAlias | undefined;
  readonly name: string | undefined;
  readonly topic: string | undefined;
  readonly invite: readonly UserId[];
  readonly isDirect: boolean;
  readonly creationContent: JsonObject;
  readonly initialState: readonly InitialState[];
  readonly powerLevels: JsonObject;
};

/** Keys of `creation_content` that the server decides. */
const SERVERS_OWN_KEYS: ReadonlySet<string> = new Set(['creator', 'room_version']);
/** Most events a creation may make: bounds what is built and written at once. */
const MAX_INITIAL_EVENTS = 1_000;
const OPAQUE_ID_BYTES = 12;
const MAX_ATTEMPTS = 20;

export type CreateRoomDeps = {
  readonly builder: EventBuilder;
  readonly founder: RoomFounder;
  readonly profiles: ProfileLookup;
  readonly invites: InvitePolicy;
  readonly inviter: InviteUser;
  readonly random: Random;
};

/** Creates rooms (spec: Client-Server API, POST createRoom). */
export class CreateRoom {
  readonly #deps: CreateRoomDeps;

  constructor(deps: CreateRoomDeps) {
    this.#deps = deps;
  }

  /**
   * Creates the whole room in one step, and answers its id. Throws `unsupported_room_version`, `room_in_use`,
   * `invalid_room_state`, `invite_blocked`, `too_large`.
   */
  async create(request: CreateRoomRequest): Promise<RoomId> {
    const rules = roomVersionRules(request.version);
    if (rules?.eventReferences !== 'ids') {
      throw new DomainError('unsupported_room_version', 'This server does not make rooms of that version');
    }
    const { creator } = request;
    const server = userIdServer(creator);
    const local = request.invite.filter((user) => userIdServer(user) === server);
    await this.#checkInvites(creator, local);
    const room = await this.#found(rules, request, local);
    // Invites to other servers need those servers' signatures, so they follow; they fail each by itself.
    for (const user of request.invite) {
      if (userIdServer(user) === server) continue;
      const { isDirect } = request;
      await this.#deps.inviter.tryInvite({ room, sender: creator, target: user, isDirect });
    }
    return room;
  }

  /** Builds and stores the room; again if a room with its id came to be meanwhile. */
  async #found(
    rules: RoomVersionRules,
    request: CreateRoomRequest,
    invited: readonly UserId[],
  ): Promise<RoomId> {
    for (let attempt = 1; ; attempt++) {
      const built = await this.#build(rules, request, invited);
      const [first] = built;
      if (first === undefined) throw new Error('a room without events');
      const { room } = first.event;
      const { alias, creator, isPublic } = request;
      try {
        await this.#deps.founder.found({ room, events: built, alias, creator, isPublic });
        return room;
      } catch (error) {
        if (!(error instanceof RoomExists) || attempt >= MAX_ATTEMPTS) throw error;
      }
    }
  }

  async #checkInvites(creator: UserId, users: readonly UserId[]): Promise<void> {
    for (const user of users) {
      if (!(await this.#deps.invites.allows(user, creator, undefined))) {
        throw new DomainError('invite_blocked', `${user} does not take invites from you`);
      }
    }
  }

  async #build(
    rules: RoomVersionRules,
    request: CreateRoomRequest,
    invited: readonly UserId[],
  ): Promise<Extended[]> {
    const { builder } = this.#deps;
    const { creator } = request;
    const roomId = rules.roomIdFormat === 'domain' ? this.#newRoomId(creator) : undefined;
    const built = [await builder.create(rules, roomId, creation(rules, request))];
    try {
      for (const event of await this.#events(rules, request, invited)) {
        const tip = built.at(-1)?.head;
        if (tip !== undefined) built.push(await builder.build(tip, event));
      }
    } catch (error) {
      if (!(error instanceof DomainError) || error.code !== 'forbidden') throw error;
      throw new DomainError('invalid_room_state', error.message, { cause: error });
    }
    return built;
  }

  #newRoomId(creator: UserId): RoomId {
    const opaque = Buffer.from(this.#deps.random.bytes(OPAQUE_ID_BYTES)).toString('base64url');
    return parseRoomId(`!${opaque}:${userIdServer(creator)}`);
  }

  async #events(
    rules: RoomVersionRules,
    request: CreateRoomRequest,
    invited: readonly UserId[],
  ): Promise<EventRequest[]> {
    const { creator, initialState, name, topic, alias } = request;
    const { profiles } = this.#deps;
    const state = (type: string, content: JsonObject, stateKey = ''): EventRequest => ({
      type,
      sender: creator,
      stateKey,
      content,
    });
    const given = new Set(initialState.filter((each) => each.stateKey === '').map((each) => each.type));
    const admins = request.preset === 'trusted_private_chat' ? request.invite : [];
    const join = memberContent('join', { profile: await profiles.memberProfile(creator) });
    const events = [state(EventType.Member, join, creator)];
    if (!given.has(EventType.PowerLevels)) {
      const levels = defaultPowerLevels(rules, creator, admins, request.powerLevels);
      events.push(state(EventType.PowerLevels, levels));
    }
    if (alias !== undefined) events.push(state(EventType.CanonicalAlias, { alias }));
    for (const [type, content] of presetState(request.preset)) {
      if (!given.has(type)) events.push(state(type, content));
    }
    for (const each of initialState) events.push(state(each.type, each.content, each.stateKey));
    if (name !== undefined) events.push(state(EventType.Name, { name }));
    if (topic !== undefined) events.push(state(EventType.Topic, topicContent(topic)));
    for (const user of invited) {
      const more: JsonObject = request.isDirect ? { is_direct: true } : {};
      const profile = await profiles.memberProfile(user);
      events.push(state(EventType.Member, memberContent('invite', { profile, more }), user));
    }
    if (events.length > MAX_INITIAL_EVENTS) {
      throw new DomainError('too_large', 'Too many initial state events and invites');
    }
    return events;
  }
}

/** Both forms of a topic (spec: Client-Server API, m.room.topic). */
export const topicContent = (topic: string): JsonObject => ({
  topic,
  'm.topic': { 'm.text': [{ body: topic }] },
});

function creation(rules: RoomVersionRules, request: CreateRoomRequest): EventRequest {
  const content: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(request.creationContent)) {
    if (!SERVERS_OWN_KEYS.has(key)) content[key] = value;
  }
  content.room_version = rules.version;
  if (!rules.auth.creatorIsSender) content.creator = request.creator;
  if (rules.auth.privilegedCreators && request.preset === 'trusted_private_chat') {
    const named = content.additional_creators;
    const before: readonly JsonValue[] = Array.isArray(named) ? (named as readonly JsonValue[]) : [];
    const creators = new Set<JsonValue>([...before, ...request.invite]);
    creators.delete(request.creator);
    if (creators.size > 0) content.additional_creators = [...creators];
  }
  return { type: EventType.Create, sender: request.creator, stateKey: '', content };
}
