import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { EventType } from '@nyx/federation/spec/event-types.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom } from '../events/room-heads.ts';
import type { RoomState } from '../events/room-state.ts';
import { historyVisibilityOf, type Viewer, type Visibility } from '../events/visibility.ts';
import type { RoomReads } from './room-reads.ts';

/** A room as one user may look into it. */
export type RoomView = {
  readonly live: LiveRoom;
  readonly viewer: Viewer;
  /** Room position after which nothing is for this user to see. */
  readonly end: number;
};

/** Who may look into which room, and as of when. */
export class RoomViewers {
  readonly rooms: RoomReads;
  readonly visibility: Visibility;

  constructor(rooms: RoomReads, visibility: Visibility) {
    this.rooms = rooms;
    this.visibility = visibility;
  }

  /**
   * A room that the user is in, was in, or that anybody may read. Throws `forbidden` otherwise. Which of its events
   * the user may see is decided for each.
   */
  async view(room: RoomId, user: string): Promise<RoomView> {
    const live = await this.rooms.find(room);
    if (live === undefined) throw new DomainError('forbidden', 'You are not in this room');
    const viewer = await this.visibility.viewer(live, user);
    if (viewer.joinedUntil === Infinity) return { live, viewer, end: Infinity };
    const current = await this.rooms.stateEvent(live.head.state, EventType.HistoryVisibility, '');
    if (historyVisibilityOf(current) === 'world_readable') return { live, viewer, end: Infinity };
    if (viewer.joinedUntil > 0) return { live, viewer, end: viewer.joinedUntil };
    throw new DomainError('forbidden', 'You are not in this room');
  }

  /** The state a user may read: the current one, or for those who left, the one they left. */
  async stateFor(room: RoomId, user: string): Promise<{ live: LiveRoom; viewer: Viewer; state: RoomState }> {
    const { live, viewer } = await this.view(room, user);
    if (viewer.joinedUntil === Infinity || viewer.joinedUntil === 0) {
      return { live, viewer, state: live.head.state };
    }
    return { live, viewer, state: await this.stateAt(live, viewer.joinedUntil) };
  }

  /** The room's state after the event at a position. */
  async stateAt(live: LiveRoom, pos: number): Promise<RoomState> {
    if (pos >= live.head.pos) return live.head.state;
    const { engine } = this.rooms;
    const [event] = await engine.events.page({
      room: live.head.room,
      direction: 'backward',
      from: Math.floor(pos) + 1,
      limit: 1,
    });
    return engine.states.get(event?.stateAfter ?? '');
  }
}
