import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { PushRules } from '../../ports/push-rules.ts';
import type { Push, Pusher, PusherStore, PushTweaks } from '../../ports/pushers.ts';
import type { RoomState } from '../events/room-state.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { pushEvent, pushRoomFor } from '../push-rules/push-room.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { PusherUsers } from './pusher-users.ts';

export type FindPushesDeps = {
  readonly rooms: RoomReads;
  readonly rules: PushRules;
  readonly ignored: IgnoredUsers;
  readonly users: PusherUsers;
  readonly store: PusherStore;
};

/** Decides who is to be pushed for an event: who has a pusher, may see it, and whose rules say so. */
export class FindPushes {
  readonly #deps: FindPushesDeps;

  constructor(deps: FindPushesDeps) {
    this.#deps = deps;
  }

  async of(event: StoredEvent): Promise<Push[]> {
    const { rooms, store, users } = this.#deps;
    if (users.size === 0 || event.stream === undefined || event.redactedBy !== undefined) return [];
    const state = await rooms.engine.states.get(event.roomState ?? event.stateAfter ?? '');
    const notified = new Map<string, PushTweaks>();
    for (const user of this.#audience(event, state)) {
      const tweaks = await this.#judge(user, event);
      if (tweaks !== undefined) notified.set(user, tweaks);
    }
    if (notified.size === 0) return [];
    const pushers = await store.ofUsers([...notified.keys()]);
    return pushers.flatMap((pusher) => {
      const tweaks = notified.get(pusher.userId);
      const isLater = event.receivedAt >= pusher.createdAt;
      return tweaks === undefined || !isLater ? [] : [pushOf(pusher, event, tweaks)];
    });
  }

  /** Users with pushers who are in the room, or whom the event invites into it. */
  #audience(event: StoredEvent, state: RoomState): Set<string> {
    const { users } = this.#deps;
    const audience = new Set<string>();
    for (const { user, membership } of event.memberChanges)
      if (membership === 'invite' && users.has(user)) audience.add(user);
    // Whichever is fewer is gone through: those who have pushers, or those who are in the room.
    if (users.size <= MANY) {
      for (const user of users) if (state.membership(user) === 'join') audience.add(user);
      return audience;
    }
    for (const [user, membership] of state.members())
      if (membership === 'join' && users.has(user)) audience.add(user);
    return audience;
  }

  async #judge(user: string, event: StoredEvent): Promise<PushTweaks | undefined> {
    const { rooms, rules, ignored } = this.#deps;
    const { pdu } = event;
    if (pdu.sender === user || (await ignored.ignoredBy(user)).has(pdu.sender)) return undefined;
    const live = await rooms.find(event.room);
    if (live === undefined) return undefined;
    const evaluate = await rules.evaluator(user);
    const room = await pushRoomFor(rooms, live, user);
    const verdict = evaluate(pushEvent(event), room(pdu.sender));
    if (!verdict.notify) return undefined;
    return {
      ...(verdict.sound === undefined ? {} : { sound: verdict.sound }),
      ...(verdict.highlight ? { highlight: true } : {}),
    };
  }
}

/** Up to here, going through everybody with pushers costs less than going through the members of a room. */
const MANY = 200;

const pushOf = (pusher: Pusher, event: StoredEvent, tweaks: PushTweaks): Push => ({
  kind: 'event',
  pusher: pusher.id,
  room: event.room,
  event: event.id,
  order: event.stream ?? 0,
  tweaks,
  at: event.receivedAt,
});
