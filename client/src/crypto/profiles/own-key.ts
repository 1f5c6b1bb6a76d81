/** Our own profile key: made once, replaced when somebody is blocked. */
import { toBase64 } from '../primitives/base64.ts';
import { Secret } from '../primitives/secret.ts';
import type { Op } from '../engine/op.ts';
import { PROFILE_KEY_BYTES, profileVersion, type ProfileKey } from './blob.ts';
import { KEY_MARKS, PROFILE_KEYS, PROFILES, type KeyMark } from './tables.ts';

/**
 * Keeps a key of `userId` unless a newer one is known; true when it changed something. What was read under another
 * version is forgotten.
 */
export function putKey(op: Op, userId: string, key: ProfileKey, time: number): boolean {
  const version = toBase64(profileVersion(key));
  const known = op.tx.get(KEY_MARKS, userId);
  if (known !== undefined && (known.time > time || known.version === version)) return false;
  op.tx.put(PROFILE_KEYS, userId, key);
  op.tx.put(KEY_MARKS, userId, { version, time });
  if (known !== undefined) op.tx.delete(PROFILES, userId);
  return true;
}

/** A fresh key, newer than the last whatever the clock says. */
export function renewKey(op: Op): KeyMark {
  const time = Math.max(op.now, (op.tx.get(KEY_MARKS, op.self.userId)?.time ?? 0) + 1);
  putKey(op, op.self.userId, Secret.take('profile-key', op.random(PROFILE_KEY_BYTES)), time);
  return ownMark(op);
}

/** The mark of our key, made now if there is none. */
export function ownMark(op: Op): KeyMark {
  return op.tx.get(KEY_MARKS, op.self.userId) ?? renewKey(op);
}
