import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { DehydratedDevice, DehydratedStore } from '../../../ports/dehydrated-store.ts';
import type { DeviceInbox, InboxPage } from '../../../ports/device-inbox.ts';
import type { StreamPositions } from '../../../ports/stream-positions.ts';
import { DomainError } from '../../errors.ts';
import type { UploadRequest } from '../upload-keys.ts';

/** Devices without a session: nobody is logged in on them. */
export interface SessionlessDevices {
  /** Adds the device. False when there is one of that id on which somebody is logged in. */
  add(userId: string, deviceId: string, displayName: string | undefined): Promise<boolean>;
  /** Removes devices with everything of theirs, and tells of it. */
  remove(userId: string, deviceIds: readonly string[]): Promise<void>;
}

export type DehydrationDeps = {
  readonly store: DehydratedStore;
  readonly devices: SessionlessDevices;
  /** Checks and stores what the device publishes; throws when it is not the device's own. */
  readonly upload: (device: { userId: string; deviceId: string }, keys: UploadRequest) => Promise<unknown>;
  readonly inbox: Pick<DeviceInbox, 'read' | 'newest'>;
  readonly stream: Pick<StreamPositions, 'mark' | 'reached'>;
};

export type DehydrationRequest = {
  readonly deviceId: string;
  readonly deviceData: JsonObject;
  readonly displayName: string | undefined;
  readonly keys: UploadRequest;
};

/** Largest encrypted device, as JSON, in characters: a pickle with a hundred keys takes 30,000. */
const MAX_DEVICE_DATA_LENGTH = 262_144;
/** Messages at once, as in /sync. */
const MAX_EVENTS = 100;
const MAX_DEVICE_ID_LENGTH = 255;
/** How long a read waits for writes that were begun before the newest message was stored, in ms. */
const MAX_LAG_MS = 10_000;
const RETRY_MS = 1_000;

/** Devices that collect messages for users who are logged in nowhere (MSC3814). */
export class DehydratedDevices {
  readonly #deps: DehydrationDeps;

  constructor(deps: DehydrationDeps) {
    this.#deps = deps;
  }

  /**
   * Stores a device in the place of the one before. What is refused leaves the one before as it was; what a crash
   * leaves half done is taken away by the next try.
   */
  async put(userId: string, request: DehydrationRequest): Promise<void> {
    const { store, devices, upload } = this.#deps;
    const { deviceId, deviceData, displayName, keys } = request;
    if (deviceId === '' || deviceId.length > MAX_DEVICE_ID_LENGTH)
      throw new DomainError('invalid_param', 'Invalid device_id');
    if (JSON.stringify(deviceData).length > MAX_DEVICE_DATA_LENGTH)
      throw new DomainError('invalid_param', 'device_data is too large');
    if (keys.deviceKeys === undefined) throw new DomainError('missing_param', 'device_keys are missing');
    const before = await store.begin(userId, deviceId);
    if (!(await devices.add(userId, deviceId, displayName))) {
      if (!before.includes(deviceId)) await store.forget(userId, [deviceId]);
      throw new DomainError('invalid_param', 'Somebody is logged in on a device of this id');
    }
    try {
      await upload({ userId, deviceId }, keys);
    } catch (error) {
      if (!before.includes(deviceId)) await devices.remove(userId, [deviceId]);
      throw error;
    }
    await store.finish(userId, { deviceId, deviceData });
    const old = before.filter((id) => id !== deviceId);
    if (old.length > 0) await devices.remove(userId, old);
  }

  /** Throws `not_found` when there is none. */
  async get(userId: string): Promise<DehydratedDevice> {
    const device = await this.#deps.store.find(userId);
    if (device === undefined) throw new DomainError('not_found', 'There is no dehydrated device');
    return device;
  }

  /** Removes the device; answers its id. */
  async remove(userId: string): Promise<string> {
    const { deviceId } = await this.get(userId);
    await this.#deps.devices.remove(userId, [deviceId]);
    return deviceId;
  }

  /**
   * Messages that were sent to the device, after the position `from`. They stay until the device is replaced or
   * removed, so that a client that is interrupted begins again. A client reads once and then puts another device in the
   * place of this one: what was acknowledged to its sender must be among them, so a stream that another write holds up
   * is waited for. Throws `unavailable` when that takes too long.
   */
  async events(userId: string, deviceId: string, from: number, limit: number): Promise<InboxPage> {
    const device = await this.get(userId);
    if (device.deviceId !== deviceId)
      throw new DomainError('forbidden', 'This is not your dehydrated device');
    const { inbox, stream } = this.#deps;
    const newest = await inbox.newest({ userId, deviceId });
    try {
      await stream.reached(newest, AbortSignal.timeout(MAX_LAG_MS));
    } catch {
      throw new DomainError('unavailable', 'Messages to the device are still being stored', {
        retryAfterMs: RETRY_MS,
      });
    }
    return inbox.read({ userId, deviceId }, from, stream.mark(), Math.min(Math.max(1, limit), MAX_EVENTS));
  }
}
