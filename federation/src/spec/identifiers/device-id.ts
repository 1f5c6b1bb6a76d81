import { IdentifierError, type Branded } from './brand.ts';

/** An opaque name of one of a user's devices. The spec gives no grammar; we bound the length and refuse NUL. */
export type DeviceId = Branded<'DeviceId'>;

const MAX_DEVICE_ID_LENGTH = 255;

/** Whether `value` can name a device. */
export function isDeviceId(value: unknown): value is DeviceId {
  if (typeof value !== 'string' || value.length === 0 || value.length > MAX_DEVICE_ID_LENGTH) return false;
  return !value.includes('\0') && value.isWellFormed();
}

/** Parses a device id; throws {@link IdentifierError}. */
export function parseDeviceId(value: unknown): DeviceId {
  if (isDeviceId(value)) return value;
  throw new IdentifierError('device_id');
}
