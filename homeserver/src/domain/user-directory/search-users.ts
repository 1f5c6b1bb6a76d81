import type { DirectoryEntry, UserDirectory } from '../../ports/user-directory.ts';
import type { RoomReads } from '../rooms/room-reads.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import { wordsOf } from '../search/words.ts';
import { isOpenRoom } from './open-rooms.ts';

export type SearchUsersDeps = {
  readonly directory: UserDirectory;
  readonly rooms: RoomReads;
  readonly userRooms: UserRooms;
  /** Brings the directory up to date, as far as that is done in a moment. */
  readonly catchUp: () => Promise<void>;
};

const MAX_TERM_WORDS = 10;
/** Rooms of the searching user whose members are looked through, and members in all. */
const MAX_ROOMS = 200;
const MAX_ROOMMATES = 5_000;
/** Users looked at who share no room with the searching user. */
const MAX_STRANGERS = 100;
/** Rooms of a stranger that are looked at for one that is open. */
const MAX_ROOMS_OF_STRANGER = 50;

/** Finds users whom a user may know of: they share a room, or are in one that is open to all. */
export class SearchUsers {
  readonly #deps: SearchUsersDeps;

  constructor(deps: SearchUsersDeps) {
    this.#deps = deps;
  }

  async search(
    user: string,
    term: string,
    limit: number,
  ): Promise<{ readonly users: readonly DirectoryEntry[]; readonly limited: boolean }> {
    const { directory, catchUp } = this.#deps;
    await catchUp();
    const text = term.trim();
    const words = wordsOf(text, MAX_TERM_WORDS);
    const query = { words, idPrefix: text.startsWith('@') ? text : undefined };
    const roommates = await this.#roommates(user);
    const among = [...roommates];
    const found = new Map<string, DirectoryEntry>();
    // More than are wanted, so that the best of them can come first.
    const near = await directory.search({ ...query, among, limit: limit + MAX_STRANGERS });
    for (const entry of near) found.set(entry.userId, entry);
    for (const entry of await directory.search({ ...query, among: undefined, limit: MAX_STRANGERS })) {
      const { userId } = entry;
      if (userId === user || found.has(userId) || !(await this.#isInOpenRoom(userId))) continue;
      found.set(userId, entry);
    }
    const rank = (entry: DirectoryEntry): number => rankOf(entry, words, roommates.has(entry.userId));
    const users = [...found.values()].sort(
      (one, other) => rank(other) - rank(one) || (one.userId < other.userId ? -1 : 1),
    );
    return { users: users.slice(0, limit), limited: users.length > limit };
  }

  async #roommates(user: string): Promise<ReadonlySet<string>> {
    const { rooms, userRooms } = this.#deps;
    const rows = [...(await userRooms.of(user)).values()].filter(({ membership }) => membership === 'join');
    rows.sort((one, other) => other.stream - one.stream);
    const roommates = new Set<string>();
    for (const { room } of rows.slice(0, MAX_ROOMS)) {
      for (const [member, membership] of (await rooms.find(room))?.head.state.members() ?? []) {
        if (membership === 'join' && member !== user) roommates.add(member);
        if (roommates.size >= MAX_ROOMMATES) return roommates;
      }
    }
    return roommates;
  }

  async #isInOpenRoom(user: string): Promise<boolean> {
    const { rooms, userRooms, directory } = this.#deps;
    const joined = await userRooms.joined(user);
    for (const room of joined.slice(0, MAX_ROOMS_OF_STRANGER)) {
      const live = await rooms.find(room);
      if (live !== undefined && (await isOpenRoom(rooms, live))) return true;
    }
    if (joined.length <= MAX_ROOMS_OF_STRANGER) await directory.unmarkPublic(user);
    return false;
  }
}

/** Whole words before beginnings of words, then who is near, then who has shown a name or a picture. */
const rankOf = (entry: DirectoryEntry, words: readonly string[], isNear: boolean): number => {
  const own = new Set(wordsOf(`${entry.displayName ?? ''} ${entry.userId}`, MAX_TERM_WORDS * 10));
  const isWhole = words.length > 0 && words.every((word) => own.has(word));
  const hasProfile = entry.displayName !== undefined || entry.avatarUrl !== undefined;
  return (isWhole ? 4 : 0) + (isNear ? 2 : 0) + (hasProfile ? 1 : 0);
};
