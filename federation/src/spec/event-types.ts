/** Names of the event types that servers or our client treat specially (spec: Client-Server API, modules). */
export const EventType = {
  Create: 'm.room.create',
  Member: 'm.room.member',
  PowerLevels: 'm.room.power_levels',
  JoinRules: 'm.room.join_rules',
  ThirdPartyInvite: 'm.room.third_party_invite',
  HistoryVisibility: 'm.room.history_visibility',
  GuestAccess: 'm.room.guest_access',
  Redaction: 'm.room.redaction',
  /** Historical; special-cased by room versions 1 to 5. */
  Aliases: 'm.room.aliases',
  CanonicalAlias: 'm.room.canonical_alias',
  Name: 'm.room.name',
  Topic: 'm.room.topic',
  Avatar: 'm.room.avatar',
  Encryption: 'm.room.encryption',
  Encrypted: 'm.room.encrypted',
  Message: 'm.room.message',
  Reaction: 'm.reaction',
  Sticker: 'm.sticker',
  PinnedEvents: 'm.room.pinned_events',
  ServerAcl: 'm.room.server_acl',
  Policy: 'm.room.policy',
  Tombstone: 'm.room.tombstone',
  SpaceChild: 'm.space.child',
  SpaceParent: 'm.space.parent',
} as const;

/** The types whose state the authorisation rules read (spec: room versions, Authorisation rules). */
export const AUTH_EVENT_TYPES: ReadonlySet<string> = new Set([
  EventType.Create,
  EventType.Member,
  EventType.JoinRules,
  EventType.PowerLevels,
  EventType.ThirdPartyInvite,
]);

/** State shown to an invited or knocking user (spec: Client-Server API, Stripped state). */
export const STRIPPED_STATE_TYPES: readonly string[] = [
  EventType.Create,
  EventType.Name,
  EventType.Avatar,
  EventType.Topic,
  EventType.JoinRules,
  EventType.CanonicalAlias,
  EventType.Encryption,
];

/** The five values of `membership` (spec: Client-Server API, m.room.member). */
export const MEMBERSHIPS = ['join', 'invite', 'leave', 'ban', 'knock'] as const;
export type Membership = (typeof MEMBERSHIPS)[number];

/** Whether `value` is one of the five memberships. */
export function isMembership(value: unknown): value is Membership {
  return typeof value === 'string' && MEMBERSHIPS.some((membership) => membership === value);
}
