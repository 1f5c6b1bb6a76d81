import { ROOM_VERSIONS, RULES, type RoomVersion, type RoomVersionRules } from './rules.ts';

/** The version of a room whose create event names none (spec: m.room.create, `room_version`). */
export const IMPLICIT_ROOM_VERSION: RoomVersion = '1';

/** The version the specification recommends for new rooms (spec: Room Versions). */
export const RECOMMENDED_ROOM_VERSION: RoomVersion = '12';

/** Whether `value` names a room version that we know. */
export function isRoomVersion(value: unknown): value is RoomVersion {
  return typeof value === 'string' && Object.hasOwn(RULES, value);
}

/** The rules of a version by its name; undefined when we do not know it. */
export function roomVersionRules(version: unknown): RoomVersionRules | undefined {
  return isRoomVersion(version) ? RULES[version] : undefined;
}

/** Versions and their stability, as `m.room_versions` of `GET /capabilities` wants them. */
export function availableRoomVersions(): Record<RoomVersion, 'stable'> {
  const entries = ROOM_VERSIONS.map((version) => [version, 'stable'] as const);
  return Object.fromEntries(entries) as Record<RoomVersion, 'stable'>;
}
