import type { Pdu } from '../events/pdu.ts';
import type { JsonObject } from '../json/value.ts';
import type { RoomVersion } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import { TestRoom, type TestEvent } from './event-factory.ts';
import type { SeededRandom } from './seeded-random.ts';

const CREATOR = '@creator:a.example';
const USERS = [
  CREATOR,
  '@alice:a.example',
  '@bob:b.example',
  '@carol:c.example',
  '@dave:d.example',
  '@erin:b.example',
] as const;
const LEVELS = [-1, 0, 1, 25, 49, 50, 51, 75, 99, 100];
const JOIN_RULES = ['public', 'invite', 'knock', 'restricted', 'knock_restricted', 'private'];

/** A room grown at random: forks, concurrent power changes, bans and joins; and events that the rules refused. */
export type RandomRoom = {
  readonly room: TestRoom;
  /** Events that the state before them refused, never part of the room. */
  readonly refused: readonly Pdu[];
};

/**
 * Grows a room by trying `steps` random events, each after one to three random recent events. What the state before
 * allows joins the room; what it refuses is listed. Some members of room version 12 are additional creators.
 */
export function growRoom(version: RoomVersion, random: SeededRandom, steps: number): RandomRoom {
  const createContent: JsonObject =
    version === '12' && random.chance(0.5) ? { additional_creators: [random.pick(USERS.slice(1))] } : {};
  const room = new TestRoom({ version, creator: CREATOR, createContent });
  const refused: Pdu[] = [];
  const recent: EventId[] = [...room.events.keys()].slice(-1);
  for (const user of USERS.slice(1, 4))
    recent.push(tryEvent(room, refused, joinOf(user), recent.slice(-1)) ?? room.create.eventId);
  for (let step = 0; step < steps; step++) {
    const tips = random.shuffle([...new Set(recent.slice(-6))]).slice(0, 1 + random.below(3));
    const added = tryEvent(
      room,
      refused,
      randomEvent(room, random),
      tips,
      random.chance(0.2) ? 1_700_000_500_000 : undefined,
    );
    if (added) recent.push(added);
  }
  return { room, refused };
}

/** Adds an event if it is allowed where it stands, and returns its id. */
function tryEvent(
  room: TestRoom,
  refused: Pdu[],
  event: TestEvent,
  prevEvents: readonly EventId[],
  originServerTs?: number,
): EventId | undefined {
  const pdu = room.build({
    ...event,
    prevEvents,
    ...(originServerTs === undefined ? {} : { originServerTs }),
  });
  if (!room.judge(pdu).allowed) {
    refused.push(pdu);
    return undefined;
  }
  room.accept(pdu);
  return pdu.eventId;
}

function joinOf(user: string): TestEvent {
  return { type: 'm.room.member', stateKey: user, sender: user, content: { membership: 'join' } };
}

function randomEvent(room: TestRoom, random: SeededRandom): TestEvent {
  const sender = random.chance(0.4) ? CREATOR : random.pick(USERS);
  const roll = random.next();
  if (roll < 0.2) return joinOf(random.pick(USERS));
  if (roll < 0.5) {
    const membership = random.pick(['invite', 'leave', 'ban', 'ban', 'leave', 'knock']);
    const stateKey = membership === 'knock' ? sender : random.pick(USERS);
    return { type: 'm.room.member', stateKey, sender, content: { membership } };
  }
  if (roll < 0.7)
    return { type: 'm.room.power_levels', stateKey: '', sender, content: randomLevels(room, random) };
  if (roll < 0.8) {
    return {
      type: 'm.room.join_rules',
      stateKey: '',
      sender,
      content: { join_rule: random.pick(JOIN_RULES) },
    };
  }
  if (roll < 0.95) {
    const content = { topic: `topic ${random.below(1000)}` };
    return { type: random.pick(['m.room.topic', 'm.room.name']), stateKey: '', sender, content };
  }
  return { type: 'm.room.message', sender, content: { body: 'hello' } };
}

function randomLevels(room: TestRoom, random: SeededRandom): JsonObject {
  const privileged = room.version.auth.privilegedCreators;
  const users: Record<string, number> = privileged ? {} : { [CREATOR]: 100 };
  for (const user of USERS.slice(1)) if (random.chance(0.5)) users[user] = random.pick(LEVELS);
  const content: Record<string, number | JsonObject> = { users };
  for (const name of ['ban', 'kick', 'invite', 'state_default', 'events_default', 'users_default']) {
    if (random.chance(0.15)) content[name] = random.pick(LEVELS);
  }
  if (random.chance(0.3)) content.events = { 'm.room.topic': random.pick(LEVELS) };
  return content;
}
