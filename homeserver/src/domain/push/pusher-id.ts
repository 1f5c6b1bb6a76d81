import { createHash } from 'node:crypto';

/** The name of a pusher in storage and jobs: long pushkeys do not fit keys, and do not belong in logs. */
export const pusherId = (userId: string, appId: string, pushkey: string): string =>
  createHash('sha256')
    .update(JSON.stringify([userId, appId, pushkey]))
    .digest('base64url');
