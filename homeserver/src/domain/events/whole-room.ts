import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { DomainError } from '../errors.ts';
import type { LiveRoom, RoomHeads } from './room-heads.ts';

/** How often, and how long, it is looked whether the rest of a room's state has come. */
const LOOK_EVERY_MS = 100;
const MAX_LOOKS = 300;

/**
 * A room once all of its state is here: right after a join through another server the members may still be missing.
 * Undefined for a room that is not here. Throws `partial_state` when the wait is too long.
 */
export async function wholeRoom(heads: RoomHeads, room: RoomId): Promise<LiveRoom | undefined> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const live = await heads.current(room);
    if (live?.head.state.partial === undefined) return live;
    await new Promise<void>((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  throw new DomainError('partial_state', 'This server does not know the members of the room yet', {
    retryAfterMs: 5_000,
  });
}
