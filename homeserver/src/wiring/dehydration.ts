import { DehydratedDevices } from '../domain/e2ee/dehydration/dehydrated-devices.ts';
import type { UploadDeps } from '../domain/e2ee/upload-keys.ts';
import { uploadKeys } from '../domain/e2ee/upload-keys.ts';
import { randomToken } from '../domain/ids.ts';
import { dehydratedDeviceRoutes } from '../http/client/keys/dehydrated-device.ts';
import type { Route } from '../http/route.ts';
import type { DeviceInbox } from '../ports/device-inbox.ts';
import { MongoDehydratedStore } from '../storage/mongo/keys/mongo-dehydrated-store.ts';
import type { Accounts } from './accounts.ts';
import type { Foundation } from './foundation.ts';

const SESSION_ID_LENGTH = 16;

/** Dehydrated devices: rows among the user's devices without a token. */
export const wireDehydration = (
  { db, platform, stream }: Foundation,
  { devices, sessions, observers }: Pick<Accounts, 'devices' | 'sessions' | 'observers'>,
  upload: UploadDeps,
  inbox: DeviceInbox,
): readonly Route[] => {
  const store = new MongoDehydratedStore(db);
  const { clock, random } = platform;
  observers.devices.push({
    devicesAdded: () => Promise.resolve(),
    devicesRenamed: () => Promise.resolve(),
    devicesRemoved: (userId, deviceIds) => store.forget(userId, deviceIds),
  });
  return dehydratedDeviceRoutes(
    new DehydratedDevices({
      store,
      devices: {
        add: async (userId, deviceId, displayName) => {
          const existing = await devices.find(userId, deviceId);
          if (existing !== undefined && existing.tokens.length > 0) return false;
          await devices.logIn({
            sessionId: randomToken(random, SESSION_ID_LENGTH),
            userId,
            deviceId,
            createdAt: clock.now(),
            tokens: [],
            ...(displayName === undefined ? {} : { displayName }),
          });
          return true;
        },
        remove: async (userId, deviceIds) => {
          await sessions.end(userId, deviceIds);
          await store.forget(userId, deviceIds);
        },
      },
      upload: (device, keys) => uploadKeys(upload, device, keys),
      inbox,
      stream,
    }),
  );
};
