import type { DeviceRef } from '../../ports/device-key-store.ts';

/** One text for a device. User ids hold no line feed, so it is unambiguous. */
export const deviceName = ({ userId, deviceId }: DeviceRef): string => `${userId}\n${deviceId}`;

/** Where keys lie that were claimed in the name of a device. User ids begin with an at sign: no device's name is this. */
export const claimedName = (device: DeviceRef): string => `claimed\n${deviceName(device)}`;

/** The range in which the names of devices lie, and no {@link claimedName}. */
export const DEVICE_NAMES = { $gte: '@', $lt: 'A' } as const;

/** What {@link deviceName} was made of. */
export const deviceFromName = (name: string): DeviceRef => {
  const [userId = '', deviceId = ''] = name.split('\n');
  return { userId, deviceId };
};

/** Key under which news for one device are published to the notifier. */
export const deviceWakeKey = ({ userId, deviceId }: DeviceRef): string => `device:${userId}:${deviceId}`;
