/** Finding each other by QR code: the code authenticates the master key, and its invite makes a contact. */
import type { Op } from '../engine/op.ts';
import { EngineError } from '../engine/engine-error.ts';
import { track } from '../engine/directory.ts';
import { USERS } from '../engine/tables.ts';
import { QrError } from '../identity/verification/qr-code.ts';
import { emptyUser } from '../identity/user-record.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { inviteHash } from './hand-out.ts';
import {
  decodeInvite,
  encodeInvite,
  INVITE_BYTES,
  INVITE_LIFETIME_MS,
  type InviteCode,
} from './invite-code.ts';
import { putKey } from './own-key.ts';
import type { ScannedPerson } from '../engine/protocol/profiles.ts';
import { ASKS, INVITES } from './tables.ts';

/** Codes shown and not scanned yet. */
const MAX_INVITES = 32;

/** Compares a master key that came another way than through the server, or pins it. Nothing else is believed of it. */
export function meet(op: Op, userId: string, masterKey: Uint8Array): ScannedPerson {
  const key = toBase64(masterKey);
  const known = op.tx.get(USERS, userId);
  if (known?.pinned === undefined) {
    op.tx.put(USERS, userId, { ...(known ?? emptyUser(userId)), pinned: key });
    track(op, userId);
    return { userId, state: 'pinned' };
  }
  return { userId, state: known.pinned === key ? 'known' : 'mismatch' };
}

export const inviteHandlers = {
  profileShowCode: (op: Op): { readonly payload: Uint8Array } => {
    const masterKey = op.tx.get(USERS, op.self.userId)?.pinned;
    if (masterKey === undefined) throw new EngineError('IDENTITY_MISSING');
    const shown = op.tx.entries(INVITES).sort(([, a], [, b]) => a - b);
    const stale = shown.filter(([, until], i) => until <= op.now || i <= shown.length - MAX_INVITES);
    for (const [hash] of stale) op.tx.delete(INVITES, hash);
    const invite = op.random(INVITE_BYTES);
    op.tx.put(INVITES, inviteHash(invite), op.now + INVITE_LIFETIME_MS);
    const code = { userId: op.self.userId, masterKey: fromBase64(masterKey), profileKey: undefined, invite };
    return { payload: encodeInvite(code) };
  },
  profileScanCode: (op: Op, { payload }: { readonly payload: Uint8Array }): ScannedPerson => {
    const { userId, masterKey, profileKey, invite } = readCode(payload);
    if (userId === op.self.userId) throw new EngineError('BAD_QR', 'our own code');
    const met = meet(op, userId, masterKey);
    if (met.state === 'mismatch') return met;
    // Older than any that its owner hands out.
    if (profileKey !== undefined && putKey(op, userId, profileKey, 0))
      op.notices.push({ kind: 'profileKey', userId });
    op.tx.put(ASKS, userId, {
      invite: toBase64(invite),
      until: op.now + INVITE_LIFETIME_MS,
      sent: [],
    });
    return met;
  },
};

function readCode(payload: Uint8Array): InviteCode {
  try {
    return decodeInvite(payload);
  } catch (error) {
    if (error instanceof QrError) throw new EngineError('BAD_QR', error.message);
    throw error;
  }
}
