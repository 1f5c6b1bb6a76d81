import type { Pdu } from '../events/pdu.ts';
import { isJsonObject, ownObject, ownValue, type JsonObject } from '../json/value.ts';
import type { AuthRules } from '../room-versions/rules.ts';
import { isUserId } from '../spec/identifiers/user-id.ts';
import { allow, reject, type AuthDecision, type AuthRule } from './decision.ts';
import { DEFAULT_LEVELS, isCreator, readLevel, type LevelName } from './power.ts';

const LEVEL_NAMES = Object.keys(DEFAULT_LEVELS) as LevelName[];

/** The rules of `m.room.power_levels` (rule 10 of versions 1 to 5 and 12, rule 9 in between). `own` is the sender's power. */
export function authorisePowerLevels(
  rules: AuthRules,
  event: Pdu,
  own: number,
  current: Pdu | undefined,
  create: Pdu,
): AuthDecision {
  const malformed = findMalformed(rules, event.content);
  if (malformed) return reject(malformed);
  if (rules.privilegedCreators && namesCreator(rules, event.content, create))
    return reject('power_levels.creators');
  if (!current) return allow('power_levels.first');
  const refused =
    refusedDefault(rules, event.content, current.content, own) ??
    refusedEntry(rules, 'events', event, current.content, own) ??
    (rules.guardsNotifications
      ? refusedEntry(rules, 'notifications', event, current.content, own)
      : undefined) ??
    refusedEntry(rules, 'users', event, current.content, own);
  return refused ? reject(refused) : allow('power_levels.allow');
}

/**
 * The first part of the content that does not hold levels. Versions before 10 name only `users`; but without levels
 * that can be compared nothing can be authorised, so there too the rest must be readable, as in other servers.
 */
function findMalformed(rules: AuthRules, content: JsonObject): AuthRule | undefined {
  for (const name of LEVEL_NAMES) {
    const value = ownValue(content, name);
    if (value !== undefined && readLevel(rules, value) === undefined) return 'power_levels.integers';
  }
  if (!isLevelMap(rules, content, 'events')) return 'power_levels.maps';
  if (rules.guardsNotifications && !isLevelMap(rules, content, 'notifications')) return 'power_levels.maps';
  const users = ownObject(content, 'users');
  if (!isLevelMap(rules, content, 'users') || (users && !Object.keys(users).every(isUserId))) {
    return 'power_levels.users';
  }
  return undefined;
}

function isLevelMap(rules: AuthRules, content: JsonObject, name: string): boolean {
  const map = ownValue(content, name);
  if (map === undefined) return true;
  return isJsonObject(map) && Object.values(map).every((level) => readLevel(rules, level) !== undefined);
}

function namesCreator(rules: AuthRules, content: JsonObject, create: Pdu): boolean {
  const users = ownObject(content, 'users');
  return users !== undefined && Object.keys(users).some((userId) => isCreator(rules, create, userId));
}

/** An addition, change or removal among the plain levels that the sender has not the power for. */
function refusedDefault(
  rules: AuthRules,
  next: JsonObject,
  now: JsonObject,
  own: number,
): AuthRule | undefined {
  for (const name of LEVEL_NAMES) {
    const before = readLevel(rules, ownValue(now, name));
    const after = readLevel(rules, ownValue(next, name));
    if (before === after) continue;
    // What is not there counts as its default: "power levels are inferred from defaults" (spec: note to the rules).
    if ((before ?? DEFAULT_LEVELS[name]) > own) return 'power_levels.default_current';
    if ((after ?? DEFAULT_LEVELS[name]) > own) return 'power_levels.default_new';
  }
  return undefined;
}

/** An addition, change or removal in one of the maps that the sender has not the power for. */
function refusedEntry(
  rules: AuthRules,
  name: 'events' | 'notifications' | 'users',
  event: Pdu,
  current: JsonObject,
  own: number,
): AuthRule | undefined {
  const now = ownObject(current, name) ?? {};
  const next = ownObject(event.content, name) ?? {};
  const isUsers = name === 'users';
  for (const key of Object.keys(now)) {
    const before = readLevel(rules, now[key]);
    if (before === undefined || before === readLevel(rules, ownValue(next, key))) continue;
    if (isUsers ? key !== event.sender && before >= own : before > own) {
      return isUsers ? 'power_levels.user_current' : 'power_levels.map_current';
    }
  }
  for (const key of Object.keys(next)) {
    const after = readLevel(rules, next[key]);
    if (after === undefined || after === readLevel(rules, ownValue(now, key))) continue;
    if (after > own) return isUsers ? 'power_levels.user_new' : 'power_levels.map_new';
  }
  return undefined;
}
