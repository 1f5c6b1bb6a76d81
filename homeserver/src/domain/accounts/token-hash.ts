import { createHash } from 'node:crypto';

/** What is stored of a token: enough to recognise it, nothing to use it with. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('base64url');
