import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import type { RoomVersionRules } from '@nyx/federation/room-versions/rules.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';

/** The presets of `POST /createRoom`. */
export const ROOM_PRESETS = ['private_chat', 'trusted_private_chat', 'public_chat'] as const;
export type RoomPreset = (typeof ROOM_PRESETS)[number];

/** State events that a preset stands for: join rules, history visibility, guest access (spec: createRoom, presets). */
export function presetState(preset: RoomPreset): readonly (readonly [type: string, content: JsonObject])[] {
  const isPublic = preset === 'public_chat';
  return [
    [EventType.JoinRules, { join_rule: isPublic ? 'public' : 'invite' }],
    [EventType.HistoryVisibility, { history_visibility: 'shared' }],
    [EventType.GuestAccess, { guest_access: isPublic ? 'forbidden' : 'can_join' }],
  ];
}

const CREATOR_LEVEL = 100;
const MODERATOR_LEVEL = 50;
/** Above every level a user can have: only creators replace a room (spec: room version 12). */
const CREATORS_ONLY_LEVEL = 150;

/**
 * The power levels of a new room. Creators of version 12 on are not listed: they have infinite power.
 * @param admins who gets the creator's level beside the creator.
 */
export function defaultPowerLevels(
  rules: RoomVersionRules,
  creator: UserId,
  admins: readonly UserId[],
  override: JsonObject,
): JsonObject {
  const users: Record<string, JsonValue> = {};
  if (!rules.auth.privilegedCreators) {
    for (const user of [creator, ...admins]) users[user] = CREATOR_LEVEL;
  }
  return {
    users,
    users_default: 0,
    events: {
      [EventType.Name]: MODERATOR_LEVEL,
      [EventType.Avatar]: MODERATOR_LEVEL,
      [EventType.CanonicalAlias]: MODERATOR_LEVEL,
      [EventType.PowerLevels]: CREATOR_LEVEL,
      [EventType.HistoryVisibility]: CREATOR_LEVEL,
      [EventType.ServerAcl]: CREATOR_LEVEL,
      [EventType.Encryption]: CREATOR_LEVEL,
      [EventType.Tombstone]: rules.auth.privilegedCreators ? CREATORS_ONLY_LEVEL : CREATOR_LEVEL,
    },
    events_default: 0,
    state_default: MODERATOR_LEVEL,
    ban: MODERATOR_LEVEL,
    kick: MODERATOR_LEVEL,
    redact: MODERATOR_LEVEL,
    invite: 0,
    historical: CREATOR_LEVEL,
    ...override,
  };
}
