import type { RoomRecord } from '../../matrix/types.ts';

/** True when we already talk to this person: a direct chat, or a hero of a room we are in. */
export const isKnownPerson = (joined: readonly RoomRecord[], userId: string | undefined): boolean =>
  userId !== undefined &&
  joined.some((room) => room.directUser === userId || room.heroes.some((hero) => hero.userId === userId));
