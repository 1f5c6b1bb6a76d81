import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { RoomSharing } from '../../ports/device-lists.ts';

/** The parts of the rooms' records that tell who is where. */
export type RoomRecords = {
  /** Rooms that a user is joined to; answered from memory for users who were seen lately. */
  readonly joined: (userId: string) => Promise<readonly RoomId[]>;
  /** Servers with joined users in a room. */
  readonly servers: (room: RoomId) => Promise<Iterable<string>>;
  readonly serverName: string;
};

/** Users looked at at once. */
const PARALLEL = 32;

/** Who shares a room with whom, from the rooms' own records. */
export const roomsInCommon = ({ joined, servers, serverName }: RoomRecords): RoomSharing => ({
  sharing: async (userId, others) => {
    const mine = new Set(await joined(userId));
    const shared = new Set<string>();
    for (let start = 0; start < others.length; start += PARALLEL) {
      await Promise.all(
        others.slice(start, start + PARALLEL).map(async (other) => {
          if (other === userId || (await joined(other)).some((room) => mine.has(room))) shared.add(other);
        }),
      );
    }
    return shared;
  },
  interestedServers: async (userId) => {
    const found = new Set<string>();
    for (const room of await joined(userId)) for (const server of await servers(room)) found.add(server);
    found.delete(serverName);
    return [...found];
  },
});
