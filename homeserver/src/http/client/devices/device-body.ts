import type { Device } from '../../../ports/accounts.ts';

/** A device as its owner sees it (spec: GET /devices). */
export const deviceBody = ({ deviceId, displayName, seenIp, seenAt }: Device) => ({
  device_id: deviceId,
  ...(displayName === undefined ? {} : { display_name: displayName }),
  ...(seenIp === undefined ? {} : { last_seen_ip: seenIp }),
  ...(seenAt === undefined ? {} : { last_seen_ts: seenAt }),
});
