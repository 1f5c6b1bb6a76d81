import type { DeviceRef } from '../../ports/device-key-store.ts';

/** One text for a device. User ids hold no line feed, so it is unambiguous. */
export const deviceName = ({ userId, deviceId }: DeviceRef): string => `${userId}\n${deviceId}`;

/** What {@link deviceName} was made of. */
export const deviceFromName = (name: string): DeviceRef => {
  const [userId = '', deviceId = ''] = name.split('\n');
  return { userId, deviceId };
};

/** Key under which news for one device are published to the notifier. */
export const deviceWakeKey = ({ userId, deviceId }: DeviceRef): string => `device:${userId}:${deviceId}`;
