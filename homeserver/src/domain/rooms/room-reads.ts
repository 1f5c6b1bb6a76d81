import { powerFrom, type Power } from '@nyx/federation/auth/power.ts';
import { ownString } from '@nyx/federation/json/value.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { EventEngine } from '../events/event-engine.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import type { StoredEvent } from '../events/stored-event.ts';

/** Questions about rooms as they are now. */
export class RoomReads {
  readonly engine: EventEngine;

  constructor(engine: EventEngine) {
    this.engine = engine;
  }

  async find(room: RoomId): Promise<LiveRoom | undefined> {
    return this.engine.heads.current(room);
  }

  /** The room; throws `not_found`. */
  async require(room: RoomId): Promise<LiveRoom> {
    const live = await this.find(room);
    if (live === undefined) throw new DomainError('not_found', 'Unknown room');
    return live;
  }

  /**
   * The room if the user is joined to it. Throws `forbidden` otherwise, also for rooms that do not exist, so that
   * existence is not told.
   */
  async requireJoined(room: RoomId, user: string): Promise<LiveRoom> {
    const live = await this.find(room);
    if (live?.head.state.membership(user) !== 'join') {
      throw new DomainError('forbidden', 'You are not in this room');
    }
    return live;
  }

  async membership(room: RoomId, user: string): Promise<Membership | undefined> {
    return (await this.find(room))?.head.state.membership(user);
  }

  /** The event that is the state of (type, key). */
  async stateEvent(state: RoomState, type: string, key: string): Promise<StoredEvent | undefined> {
    const id = state.get(type, key);
    return id === undefined ? undefined : this.engine.events.get(id);
  }

  /** A text in the content of a state event; undefined if it is not there or no text. */
  async stateText(state: RoomState, type: string, field: string): Promise<string | undefined> {
    const event = await this.stateEvent(state, type, '');
    return event === undefined ? undefined : ownString(event.pdu.content, field);
  }

  /** The power that users have and need in a state of the room. */
  async power(live: LiveRoom, state: RoomState = live.head.state): Promise<Power> {
    const levels = await this.stateEvent(state, EventType.PowerLevels, '');
    return powerFrom(live.head.rules.auth, live.createEvent.pdu, levels?.pdu);
  }
}
