import type { JsonObject, JsonValue } from '../json/value.ts';
import { roomVersionRules } from '../room-versions/registry.ts';
import { SeededRandom } from './seeded-random.ts';

/** Types whose content redaction treats specially, and some that it empties. */
const TYPES = [
  'm.room.create',
  'm.room.member',
  'm.room.power_levels',
  'm.room.join_rules',
  'm.room.aliases',
  'm.room.history_visibility',
  'm.room.redaction',
  'm.room.message',
  'm.room.topic',
  'org.example.\u{1f600}',
];
/** Every key that some room version keeps of some content. */
const KEYS = [
  'membership',
  'third_party_invite',
  'creator',
  'join_rule',
  'allow',
  'ban',
  'events',
  'events_default',
  'invite',
  'kick',
  'redact',
  'state_default',
  'users',
  'users_default',
  'notifications',
  'aliases',
  'history_visibility',
  'redacts',
  'body',
  '\u{ff61}',
  '\u{1f600}',
  'é',
  '',
];
const TEXTS = [
  'join',
  'plain',
  'ünï',
  '\u{1f642}',
  'tab\tquote"back\\slash/',
  '\u0000\u001f\u007f\u2028',
  '',
];
const INTEGERS = [0, 1, -1, 50, 9_007_199_254_740_991, -9_007_199_254_740_991];

/**
 * A random event that is well-formed but nothing more, unhashed and unsigned: signing, hashing and redacting it tells
 * two implementations apart.
 */
export function randomDraft(seed: number, roomVersion: string, server: string): JsonObject {
  const random = new SeededRandom(seed);
  const rules = roomVersionRules(roomVersion);
  if (rules === undefined) throw new RangeError('no such room version');
  const id = (index: number) =>
    rules.eventIdFormat === 'domain'
      ? `$${seed}x${index}:${server}`
      : `$${Buffer.from(`${seed} ${index}`.padEnd(32, '.'))
          .toString(rules.eventIdFormat === 'hash-urlsafe' ? 'base64url' : 'base64')
          .slice(0, 43)}`;
  const references = (count: number): JsonValue =>
    Array.from({ length: count }, (_, index) =>
      rules.eventReferences === 'pairs' ? [id(index), { sha256: 'x'.repeat(43) }] : id(index),
    );
  const type = random.pick(TYPES);
  const isImpliedCreate = rules.auth.createImpliedByRoomId && type === 'm.room.create';
  const isState = type !== 'm.room.message' && type !== 'm.room.redaction';
  const isMember = type === 'm.room.member';
  return {
    ...(rules.eventIdFormat === 'domain' ? { event_id: id(9) } : {}),
    ...(isImpliedCreate
      ? {}
      : { room_id: rules.auth.createImpliedByRoomId ? `!${id(8).slice(1)}` : `!room:${server}` }),
    type,
    sender: `@user:${server}`,
    ...(isState ? { state_key: isMember ? `@user:${server}` : '' } : {}),
    content: randomContent(random, isMember, server),
    ...(type === 'm.room.redaction' ? { redacts: id(7) } : {}),
    depth: 1 + random.below(1000),
    origin_server_ts: 1_600_000_000_000 + random.below(1_000_000),
    prev_events: isImpliedCreate ? [] : references(1 + random.below(3)),
    auth_events: isImpliedCreate ? [] : references(random.below(4)),
    ...(random.chance(0.3) ? { origin: server } : {}),
    ...(random.chance(0.2) ? { 'org.example.top': { deep: [1, { er: null }] } } : {}),
    ...(random.chance(0.2) ? { membership: 'join', prev_state: [] } : {}),
    ...(random.chance(0.2) ? { unsigned: { age: 5 } } : {}),
  };
}

function randomContent(random: SeededRandom, isMember: boolean, server: string): JsonObject {
  const content: Record<string, JsonValue> = {};
  for (const key of KEYS) if (random.chance(0.35)) content[key] = randomValue(random, 0);
  if (isMember) {
    // An authoriser of another server would have to sign too: that has tests of its own.
    content.membership = random.pick(['join', 'leave']);
    if (random.chance(0.5)) content.join_authorised_via_users_server = `@admin:${server}`;
    content.third_party_invite = { display_name: 'x', signed: { token: 't', mxid: '@a:b' } };
  }
  return content;
}

function randomValue(random: SeededRandom, depth: number): JsonValue {
  const roll = random.below(depth > 2 ? 5 : 8);
  if (roll < 2) return random.pick(TEXTS);
  if (roll < 3) return random.pick(INTEGERS);
  if (roll < 4) return random.chance(0.5);
  if (roll < 5) return null;
  if (roll < 6) return Array.from({ length: random.below(3) }, () => randomValue(random, depth + 1));
  const object: Record<string, JsonValue> = {};
  for (let index = random.below(4); index > 0; index--)
    object[random.pick(KEYS) + random.pick(['', 'b', 'B', '1'])] = randomValue(random, depth + 1);
  return object;
}
