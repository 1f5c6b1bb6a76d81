import type { Pdu } from '../events/pdu.ts';
import { isJsonArray, ownObject, ownString, ownValue, RawNumber, type JsonValue } from '../json/value.ts';
import type { AuthRules } from '../room-versions/rules.ts';
import type { StateLookup } from './state-lookup.ts';

/** The levels of `m.room.power_levels` that are plain numbers, with their defaults (spec: m.room.power_levels). */
export const DEFAULT_LEVELS = {
  users_default: 0,
  events_default: 0,
  state_default: 50,
  ban: 50,
  redact: 50,
  kick: 50,
  invite: 0,
} as const;

/** The name of one of {@link DEFAULT_LEVELS}. */
export type LevelName = keyof typeof DEFAULT_LEVELS;

/** The creator's level in a room without power levels. */
const CREATOR_LEVEL = 100;

/** An integer as a string: sign, leading zeros and white space allowed (spec: room version 1, power levels as strings). */
const LEVEL_TEXT = /^[\s\u0085]*[+-]?\d+[\s\u0085]*$/;

/**
 * A power level of a room version, or undefined if it may not be one. Before version 10 strings that are integers count,
 * and floats, cut at the point, as long as the version's JSON holds them.
 */
export function readLevel(rules: AuthRules, value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (rules.integerPowerLevels) return undefined;
  if (value instanceof RawNumber) {
    const truncated = Math.trunc(value.value);
    return Number.isFinite(truncated) ? truncated + 0 : undefined;
  }
  if (typeof value !== 'string' || !LEVEL_TEXT.test(value)) return undefined;
  const level = Number(value.trim());
  return Number.isSafeInteger(level) ? level + 0 : undefined;
}

/** The power that users, types and actions have in a state. Infinity stands for a creator from room version 12 on. */
export type Power = {
  readonly ofUser: (userId: string) => number;
  /** What it takes to send an event of a type. */
  readonly toSend: (type: string, isState: boolean) => number;
  readonly level: (name: LevelName) => number;
};

/** Reads power from a state's create and power-levels events. Looks up only what is asked for: `users` may be long. */
export function powerIn(rules: AuthRules, state: StateLookup): Power {
  return powerFrom(rules, state('m.room.create', ''), state('m.room.power_levels', ''));
}

/** {@link powerIn} from the two events themselves. */
export function powerFrom(rules: AuthRules, create: Pdu | undefined, powerLevels: Pdu | undefined): Power {
  const content = powerLevels?.content;
  const users = content && ownObject(content, 'users');
  const events = content && ownObject(content, 'events');
  const level = (name: LevelName): number =>
    (content && readLevel(rules, ownValue(content, name))) ?? DEFAULT_LEVELS[name];
  return {
    level,
    ofUser: (userId) => {
      if (create && rules.privilegedCreators && isCreator(rules, create, userId)) return Infinity;
      if (!content) return create && creatorOf(rules, create) === userId ? CREATOR_LEVEL : 0;
      return (users && readLevel(rules, ownValue(users, userId))) ?? level('users_default');
    },
    toSend: (type, isState) =>
      (events && readLevel(rules, ownValue(events, type))) ??
      level(isState ? 'state_default' : 'events_default'),
  };
}

/** The user who made the room: the create event's sender, or before version 11 its `content.creator`. */
export function creatorOf(rules: AuthRules, create: Pdu): string | undefined {
  return rules.creatorIsSender ? create.sender : ownString(create.content, 'creator');
}

/** Whether a user is the creator, or from version 12 on one of the `additional_creators`. */
export function isCreator(rules: AuthRules, create: Pdu, userId: string): boolean {
  if (creatorOf(rules, create) === userId) return true;
  if (!rules.privilegedCreators) return false;
  const additional = ownValue(create.content, 'additional_creators');
  return isJsonArray(additional) && additional.includes(userId);
}
