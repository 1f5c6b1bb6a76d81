import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import type { LiveRoom } from '../events/room-heads.ts';

const MAX_HEROES = 5;
/** Members looked through for heroes when hardly anybody is left in a room. */
const MAX_LOOKED_AT = 1_000;

/**
 * Counts, and the users after whom a room without a name is called (spec: Client-Server API, RoomSummary). Heroes are
 * left out where the room has a name of its own.
 */
export function roomSummary(live: LiveRoom, user: string): JsonObject {
  const { state } = live.head;
  const summary: Record<string, JsonValue> = {
    'm.joined_member_count': live.tally.joined,
    'm.invited_member_count': live.tally.invited,
  };
  const isNamed =
    state.get(EventType.Name, '') !== undefined || state.get(EventType.CanonicalAlias, '') !== undefined;
  if (!isNamed) summary['m.heroes'] = heroes(live, user);
  return summary;
}

/** Up to five others: those in the room or invited, and only if there are none, those who were. */
export function heroes({ head }: Pick<LiveRoom, 'head'>, user: string): string[] {
  const present: string[] = [];
  const former: string[] = [];
  let looked = 0;
  for (const [member, membership] of head.state.members()) {
    if (member === user) continue;
    if (membership === 'join' || membership === 'invite') present.push(member);
    else if (former.length < MAX_HEROES) former.push(member);
    if (present.length === MAX_HEROES || ++looked > MAX_LOOKED_AT) break;
  }
  return (present.length > 0 ? present : former).sort().slice(0, MAX_HEROES);
}
