import type { UnreadSource } from '../../ports/sync-sources.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import { MAX_BADGE_ROOMS } from './limits.ts';

/** Unread messages that notify, over a user's rooms and threads: the number on an app's icon. */
export const countBadge = async (
  userRooms: UserRooms,
  unread: UnreadSource,
  user: string,
): Promise<number> => {
  const rows = [...(await userRooms.of(user)).values()].filter(({ membership }) => membership === 'join');
  const newest = rows.sort((one, other) => other.stream - one.stream).slice(0, MAX_BADGE_ROOMS);
  let badge = 0;
  for (const { room } of newest) {
    const { main, threads } = await unread.counts(user, room);
    badge += main.notifications;
    for (const { notifications } of threads.values()) badge += notifications;
  }
  return badge;
};
