import { LRUCache } from 'lru-cache';
import type { RoomReads } from '../domain/rooms/room-reads.ts';
import type { QuietKeys } from '../domain/sync/quiet-keys.ts';
import { deviceKey } from '../domain/sync/sync-moments.ts';
import type { DeviceRef } from '../ports/device-key-store.ts';
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

/** Devices whose inboxes are remembered as not yet acknowledged. */
const MAX_HANDED = 20_000;

/** Messages to devices out of their inboxes. */
export const toDeviceSource = ({ inbox }: Keys, quiet: QuietKeys): ToDeviceSource => {
  /** How far devices were given messages whose receipt they have not proven: those of processes gone by are found at random. */
  const handed = new LRUCache<string, number>({ max: MAX_HANDED });
  const acknowledge = async (device: DeviceRef, key: string, through: number): Promise<void> => {
    await inbox.acknowledge(device, through);
    if ((handed.get(key) ?? Infinity) <= through) handed.delete(key);
  };
  return {
    acknowledge: async ({ user: userId, device: deviceId }, through) => {
      const key = deviceKey(userId, deviceId);
      if (through > 0 && handed.has(key)) await acknowledge({ userId, deviceId }, key, through);
    },
    read: async ({ user: userId, device: deviceId }, { after, proven }, upTo, limit) => {
      const device = { userId, deviceId };
      const key = deviceKey(userId, deviceId);
      if (proven >= (handed.get(key) ?? Infinity)) await acknowledge(device, key, proven);
      return quiet.ask(key, 'to-device', after, upTo, {
        nothing: { messages: [], through: upTo },
        isNothing: ({ messages }) => messages.length === 0,
        ask: async () => {
          if (proven > 0) await inbox.acknowledge(device, proven);
          const page = await inbox.read(device, after, upTo, limit);
          if (page.messages.length > 0) handed.set(key, page.through);
          return page;
        },
      });
    },
  };
};

/** Stock of keys, and whether the device was asked for more: that is news by itself. */
export const keyCountSource = ({ stockOf, signals }: Keys, quiet: QuietKeys): KeyCountSource => ({
  counts: async ({ user: userId, device: deviceId }, after, upTo) => {
    const device = { userId, deviceId };
    const [stock, isAsked] = await Promise.all([
      stockOf(device),
      quiet.ask(deviceKey(userId, deviceId), 'key signal', after, upTo, {
        nothing: false,
        isNothing: (asked) => !asked,
        ask: () => signals.askedSince(device, after),
      }),
    ]);
    return { ...stock, isAsked };
  },
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
