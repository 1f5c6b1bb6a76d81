import type { RoomReads } from '../domain/rooms/room-reads.ts';
import type { QuietKeys } from '../domain/sync/quiet-keys.ts';
import { deviceKey } from '../domain/sync/wait-for-sync.ts';
import { DEVICE_LISTS_WAKE_KEY } from '../ports/device-lists.ts';
import type {
  DeviceListSource,
  KeyCountSource,
  SharingChanges,
  ToDeviceSource,
} from '../ports/sync-sources.ts';
import type { Keys } from './keys.ts';

/** Members of a room that was joined or left whose devices are told of; beyond that, clients ask for the keys. */
const MAX_MEMBERS_TOLD = 10_000;

/** Messages to devices out of their inboxes. */
export const toDeviceSource = ({ inbox }: Keys, quiet: QuietKeys): ToDeviceSource => ({
  read: ({ user: userId, device: deviceId }, after, upTo, limit) => {
    const device = { userId, deviceId };
    return quiet.ask(deviceKey(userId, deviceId), 'to-device', after, upTo, {
      nothing: { messages: [], through: upTo },
      isNothing: ({ messages }) => messages.length === 0,
      ask: async () => {
        if (after > 0) await inbox.acknowledge(device, after);
        return inbox.read(device, after, upTo, limit);
      },
    });
  },
});

/** Stock of keys, counted afresh each time: others take from it at any moment. */
export const keyCountSource = ({ prekeys }: Keys): KeyCountSource => ({
  counts: ({ user: userId, device: deviceId }) => prekeys.stock({ userId, deviceId }),
});

/** Changed device lists: of those whose keys changed, and of those met or parted from in rooms. */
export const deviceListSource = (keys: Keys, rooms: RoomReads, quiet: QuietKeys): DeviceListSource => ({
  changes: async (user, after, upTo, sharing) => {
    const met = new Set(sharing.joinedUsers);
    const parted = new Set(sharing.leftUsers);
    await addMembers(rooms, [...sharing.joinedRooms, ...sharing.encryptedRooms], met);
    await addMembers(rooms, sharing.leftRooms, parted);
    const ask = () => keys.deviceLists(user, after, { met, parted });
    if (met.size > 0 || parted.size > 0) return ask();
    return quiet.ask(DEVICE_LISTS_WAKE_KEY, `device lists ${user}`, after, upTo, {
      nothing: { changed: [], left: [] },
      isNothing: ({ changed, left }) => changed.length === 0 && left.length === 0,
      ask,
    });
  },
});

async function addMembers(
  rooms: RoomReads,
  named: SharingChanges['joinedRooms'],
  into: Set<string>,
): Promise<void> {
  for (const room of named) {
    const live = await rooms.find(room);
    let told = 0;
    for (const [member, membership] of live?.head.state.members() ?? []) {
      if (membership === 'join' && ++told <= MAX_MEMBERS_TOLD) into.add(member);
    }
  }
}
