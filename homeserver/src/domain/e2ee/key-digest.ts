import { createHash } from 'node:crypto';
import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import type { UploadedKey } from '../../ports/device-key-store.ts';

/** Characters of Base64 kept of a digest: 96 bits, so that no device meets a collision among its own keys. */
const DIGEST_LENGTH = 16;

const digest = (text: string): string =>
  createHash('sha256').update(text).digest('base64url').slice(0, DIGEST_LENGTH);

/** What is remembered of the id of a one-time key after it was spent. */
export const keyIdDigest = (keyId: string): string => digest(keyId);

/** What is remembered of a one-time key itself, to tell a repeated upload from another key under an old id. */
export const keyDigest = (key: UploadedKey): string => digest(canonicalJson(key, 'lenient'));
