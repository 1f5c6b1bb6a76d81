import { recordOf, stringOf, stringsOf } from '../../matrix/events.ts';
import type { Content } from '../../matrix/types.ts';

/** Who may do what in a room (client-server API, "m.room.power_levels"). */
export type Powers = {
  level(userId: string): number;
  /** Level needed for an event type; `isState` picks the default. */
  needed(type: string, isState: boolean): number;
  readonly invite: number;
  readonly kick: number;
  readonly ban: number;
  readonly redact: number;
  /** Creators of room version 12 rooms stand above every number. */
  readonly creators: ReadonlySet<string>;
};

const number = (value: unknown, fallback: number): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : fallback;

/** Room versions whose creators hold unlimited power and are not in the levels. */
const creatorsRule = (version: string): boolean => Number(version) >= 12;

export const powersOf = (
  levels: Content | undefined,
  create: { sender: string; content: Content } | undefined,
): Powers => {
  const users = recordOf(levels?.users) ?? {};
  const events = recordOf(levels?.events) ?? {};
  const version = stringOf(create?.content.room_version) ?? '1';
  const creators =
    create !== undefined && creatorsRule(version)
      ? new Set([create.sender, ...stringsOf(create.content.additional_creators, 100)])
      : new Set<string>();
  const withoutLevels = levels === undefined;
  return {
    creators,
    level: (userId) => {
      if (creators.has(userId)) return Number.POSITIVE_INFINITY;
      if (withoutLevels) return create?.sender === userId ? 100 : 0;
      return number(users[userId], number(levels.users_default, 0));
    },
    needed: (type, isState) =>
      number(
        events[type],
        isState ? number(levels?.state_default, withoutLevels ? 0 : 50) : number(levels?.events_default, 0),
      ),
    invite: number(levels?.invite, 0),
    kick: number(levels?.kick, 50),
    ban: number(levels?.ban, 50),
    redact: number(levels?.redact, 50),
  };
};

export type Role = 'owner' | 'admin' | 'moderator' | 'member';

export const roleOf = (level: number): Role =>
  level === Number.POSITIVE_INFINITY
    ? 'owner'
    : level >= 100
      ? 'admin'
      : level >= 50
        ? 'moderator'
        : 'member';
