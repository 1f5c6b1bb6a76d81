import type {
  DeviceListSource,
  EphemeralSource,
  KeyCountSource,
  PresenceSource,
  ToDeviceSource,
  UnreadSource,
} from '../../ports/sync-sources.ts';

/** Sources of a server without the features behind them. */
export const noToDevice: ToDeviceSource = {
  read: (_device, _after, upTo) => Promise.resolve({ messages: [], through: upTo }),
};
export const noDeviceLists: DeviceListSource = {
  changes: () => Promise.resolve({ changed: [], left: [] }),
};
export const noKeyCounts: KeyCountSource = {
  counts: () => Promise.resolve({ oneTime: {}, unusedFallback: [] }),
};
export const noPresence: PresenceSource = { changed: () => Promise.resolve([]) };
export const noUnread: UnreadSource = {
  counts: () => Promise.resolve({ main: { notifications: 0, highlights: 0 }, threads: new Map() }),
};
export const noEphemeral: EphemeralSource = { changed: () => Promise.resolve(new Map()) };
