import type { NumberPolicy } from '../json/canonical.ts';
import type { EventIdFormat } from '../spec/identifiers/event-id.ts';
import type { RoomIdFormat } from '../spec/identifiers/room-id.ts';

/** The room versions of the specification v1.19 (spec: Room Versions). */
export const ROOM_VERSIONS = ['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12'] as const;
export type RoomVersion = (typeof ROOM_VERSIONS)[number];

/** What redaction keeps of an event (spec: room versions, Redactions). */
export type RedactionRules = {
  /** Top-level keys that stay. */
  readonly topLevel: ReadonlySet<string>;
  /** Those of them that signatures and the reference hash cover: all but `signatures` (`unsigned` never stays). */
  readonly signed: ReadonlySet<string>;
  /** Keys of `content` that stay, by event type; `all` keeps the whole content. Types not named lose everything. */
  readonly content: ReadonlyMap<string, ReadonlySet<string> | 'all'>;
  /** Whether `content.third_party_invite.signed` of a member event stays. */
  readonly keepsThirdPartyInviteSigned: boolean;
  /** Where a redaction event names its target: at the top level, or in its content. */
  readonly redactsKey: 'top-level' | 'content';
};

/** Which authorisation rules apply (spec: room versions, Authorisation rules). */
export type AuthRules = {
  /** Rule 4 of versions 1 to 5: `m.room.aliases` belong to the server in their state key. */
  readonly specialAliases: boolean;
  /** Rule 11 of versions 1 and 2: redactions need the redact level or the redacted event's domain. */
  readonly specialRedactions: boolean;
  /** `notifications` of power levels is guarded like `events`. */
  readonly guardsNotifications: boolean;
  readonly knocking: boolean;
  /** The join rule `restricted`, and `join_authorised_via_users_server`. */
  readonly restrictedJoins: boolean;
  /** The join rule `knock_restricted`. */
  readonly knockRestricted: boolean;
  /** Power levels must be integers; before, strings and floats were taken too. */
  readonly integerPowerLevels: boolean;
  /** The creator is the create event's sender, not its `content.creator`. */
  readonly creatorIsSender: boolean;
  /** Creators (the sender and `additional_creators`) have infinite power and may not be listed in `users`. */
  readonly privilegedCreators: boolean;
  /** The create event is never listed in `auth_events`: the room id names it. */
  readonly createImpliedByRoomId: boolean;
};

/** Everything that differs between room versions. Code asks these fields and never the version's name. */
export type RoomVersionRules = {
  readonly version: RoomVersion;
  /** `pairs`: `[event id, hashes]` in prev_events and auth_events, and an `event_id` key; `ids`: plain lists. */
  readonly eventReferences: 'pairs' | 'ids';
  readonly eventIdFormat: EventIdFormat;
  readonly roomIdFormat: RoomIdFormat;
  /** Whether events must be canonical JSON, or may hold floats and large integers. */
  readonly numbers: NumberPolicy;
  /** Signing keys must have been valid at the event's `origin_server_ts`. */
  readonly enforcesKeyValidity: boolean;
  /** The server in the event id must have signed too. */
  readonly eventIdServerSigns: boolean;
  readonly stateResolution: 'v1' | 'v2' | 'v2.1';
  readonly redaction: RedactionRules;
  readonly auth: AuthRules;
};

const keys = (...names: string[]): ReadonlySet<string> => new Set(names);

const without = (set: ReadonlySet<string>, ...names: string[]): ReadonlySet<string> =>
  new Set([...set].filter((name) => !names.includes(name)));

const changed = (
  content: RedactionRules['content'],
  ...changes: [string, ReadonlySet<string> | 'all' | undefined][]
): RedactionRules['content'] => {
  const next = new Map(content);
  for (const [type, kept] of changes) {
    if (kept === undefined) next.delete(type);
    else next.set(type, kept);
  }
  return next;
};

const TOP_LEVEL_V1 = keys(
  'event_id',
  'type',
  'room_id',
  'sender',
  'state_key',
  'content',
  'hashes',
  'signatures',
  'depth',
  'prev_events',
  'prev_state',
  'auth_events',
  'origin',
  'origin_server_ts',
  'membership',
);

const TOP_LEVEL_V11 = without(TOP_LEVEL_V1, 'origin', 'membership', 'prev_state');

const POWER_LEVELS_V1 = keys(
  'ban',
  'events',
  'events_default',
  'kick',
  'redact',
  'state_default',
  'users',
  'users_default',
);

/** Room version 1 (spec: /rooms/v1). */
const V1: RoomVersionRules = {
  version: '1',
  eventReferences: 'pairs',
  eventIdFormat: 'domain',
  roomIdFormat: 'domain',
  numbers: 'lenient',
  enforcesKeyValidity: false,
  eventIdServerSigns: true,
  stateResolution: 'v1',
  redaction: {
    topLevel: TOP_LEVEL_V1,
    signed: without(TOP_LEVEL_V1, 'signatures'),
    content: new Map([
      ['m.room.member', keys('membership')],
      ['m.room.create', keys('creator')],
      ['m.room.join_rules', keys('join_rule')],
      ['m.room.power_levels', POWER_LEVELS_V1],
      ['m.room.aliases', keys('aliases')],
      ['m.room.history_visibility', keys('history_visibility')],
    ]),
    keepsThirdPartyInviteSigned: false,
    redactsKey: 'top-level',
  },
  auth: {
    specialAliases: true,
    specialRedactions: true,
    guardsNotifications: false,
    knocking: false,
    restrictedJoins: false,
    knockRestricted: false,
    integerPowerLevels: false,
    creatorIsSender: false,
    privilegedCreators: false,
    createImpliedByRoomId: false,
  },
};

/** Version 2: the second state resolution. */
const V2: RoomVersionRules = { ...V1, version: '2', stateResolution: 'v2' };

/** Version 3: event ids are hashes; redactions leave the authorisation rules. */
const V3: RoomVersionRules = {
  ...V2,
  version: '3',
  eventReferences: 'ids',
  eventIdFormat: 'hash-base64',
  eventIdServerSigns: false,
  auth: { ...V2.auth, specialRedactions: false },
};

/** Version 4: event ids in URL-safe Base64. */
const V4: RoomVersionRules = { ...V3, version: '4', eventIdFormat: 'hash-urlsafe' };

/** Version 5: signing keys must be valid at the time of the event. */
const V5: RoomVersionRules = { ...V4, version: '5', enforcesKeyValidity: true };

/** Version 6: canonical JSON is enforced; aliases lose their meaning; notification levels are guarded. */
const V6: RoomVersionRules = {
  ...V5,
  version: '6',
  numbers: 'strict',
  redaction: { ...V5.redaction, content: changed(V5.redaction.content, ['m.room.aliases', undefined]) },
  auth: { ...V5.auth, specialAliases: false, guardsNotifications: true },
};

/** Version 7: knocking. */
const V7: RoomVersionRules = { ...V6, version: '7', auth: { ...V6.auth, knocking: true } };

/** Version 8: restricted joins. */
const V8: RoomVersionRules = {
  ...V7,
  version: '8',
  redaction: {
    ...V7.redaction,
    content: changed(V7.redaction.content, ['m.room.join_rules', keys('join_rule', 'allow')]),
  },
  auth: { ...V7.auth, restrictedJoins: true },
};

/** Version 9: redaction keeps who authorised a restricted join. */
const V9: RoomVersionRules = {
  ...V8,
  version: '9',
  redaction: {
    ...V8.redaction,
    content: changed(V8.redaction.content, [
      'm.room.member',
      keys('membership', 'join_authorised_via_users_server'),
    ]),
  },
};

/** Version 10: integer power levels, and the join rule `knock_restricted`. */
const V10: RoomVersionRules = {
  ...V9,
  version: '10',
  auth: { ...V9.auth, knockRestricted: true, integerPowerLevels: true },
};

/** Version 11: redaction rules put right; `redacts` moves into the content; `creator` goes. */
const V11: RoomVersionRules = {
  ...V10,
  version: '11',
  redaction: {
    topLevel: TOP_LEVEL_V11,
    signed: without(TOP_LEVEL_V11, 'signatures'),
    content: changed(
      V10.redaction.content,
      ['m.room.create', 'all'],
      ['m.room.power_levels', keys(...POWER_LEVELS_V1, 'invite')],
      ['m.room.redaction', keys('redacts')],
    ),
    keepsThirdPartyInviteSigned: true,
    redactsKey: 'content',
  },
  auth: { ...V10.auth, creatorIsSender: true },
};

/** Version 12: the room id is the create event's hash, creators outrank everybody, state resolution 2.1. */
const V12: RoomVersionRules = {
  ...V11,
  version: '12',
  roomIdFormat: 'create-hash',
  stateResolution: 'v2.1',
  auth: { ...V11.auth, privilegedCreators: true, createImpliedByRoomId: true },
};

/** All versions, each built from the one before. */
export const RULES: Readonly<Record<RoomVersion, RoomVersionRules>> = {
  '1': V1,
  '2': V2,
  '3': V3,
  '4': V4,
  '5': V5,
  '6': V6,
  '7': V7,
  '8': V8,
  '9': V9,
  '10': V10,
  '11': V11,
  '12': V12,
};
