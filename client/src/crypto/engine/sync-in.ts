/** One sync and the answers to requests: how they enter the engine. */
import type { UserDiff } from '../identity/key-query.ts';
import { stepProfiles } from '../profiles/hand-out.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { honourAwaited } from './awaited-members.ts';
import { claimFailed, receiveClaim, requestClaims } from './claims.ts';
import { markOutdated, receiveQuery, requestQueries, untrack } from './directory.ts';
import { stepHealing } from './healing.ts';
import { stepLinking } from './linking.ts';
import type { Op } from './op.ts';
import { deviceSignatureUploaded, keysUploaded, maintainIdentity } from './own-identity.ts';
import {
  maintainPrekeys,
  noteCounts,
  receiveFallbackCheck,
  receiveUpload,
  uploadRefused,
} from './prekey-store.ts';
import type { SyncInput } from './protocol/sync.ts';
import type { InFlight } from './purpose.ts';
import { backOff, clearBackOff, dropRequest, findRequest } from './requests.ts';
import {
  accountDataFailed,
  backupMissing,
  backupPutFailed,
  maintainBackup,
  receiveAccountData,
  receiveBackup,
  receiveBackupCreated,
  receiveBackupPut,
  receiveBackupVersion,
} from './recovery.ts';
import { receiveMembers, requestMembers, signOwnJoins, syncRoom } from './rooms.ts';
import { endSending } from './sending-slot.ts';
import { maintainStoreEpoch, receiveStoreMark, storeMarkFailed, storeMarkWritten } from './store-epoch.ts';
import { ROOMS } from './tables.ts';
import { receiveToDevice, retryStaged } from './to-device-in.ts';
import { expireFlows } from './verification.ts';

/** Takes a sync in: device lists first, then keys, then rooms, so that what arrives together fits together. */
export function processSync(op: Op, sync: SyncInput): void {
  for (const userId of sync.deviceLists.changed) markOutdated(op, userId);
  for (const userId of sync.deviceLists.left) untrack(op, userId);
  for (const event of sync.toDevice) {
    // Each by itself: an event that breaks something must not take the sync with it, for ever.
    const attempt: Op = { ...op, tx: op.tx.nested() };
    try {
      receiveToDevice(attempt, event);
      op.tx.merge(attempt.tx);
    } catch (error) {
      if (!isCryptoError(error)) throw error;
    }
  }
  for (const [roomId, update] of Object.entries(sync.rooms)) syncRoom(op, roomId, update);
  noteCounts(op, sync.oneTimeKeysCount, sync.unusedFallbackKeyTypes);
  signOwnJoins(op);
}

/** An answer of the homeserver. Answers to requests nobody waits for are ignored. */
export function requestDone(op: Op, id: string, response: unknown): void {
  const found = findRequest(op, id);
  if (found === undefined) return;
  dropRequest(op, id);
  clearBackOff(op, id);
  const { purpose } = found;
  switch (purpose.for) {
    case 'keysUpload': {
      receiveUpload(op, purpose.oneTime, purpose.signed, response);
      return;
    }
    case 'keysQuery': {
      receiveQuery(op, purpose.users, response).forEach((diff) => usersChanged(op, diff));
      return;
    }
    case 'keysClaim': {
      receiveClaim(op, purpose, response);
      return;
    }
    case 'fallbackCheck': {
      receiveFallbackCheck(op, response);
      return;
    }
    case 'members': {
      receiveMembers(op, purpose.roomId, response);
      return;
    }
    case 'deviceSigning': {
      keysUploaded(op);
      return;
    }
    case 'signatures': {
      deviceSignatureUploaded(op);
      return;
    }
    case 'vouch': {
      markOutdated(op, purpose.userId);
      return;
    }
    case 'storeGet': {
      receiveStoreMark(op, response);
      return;
    }
    case 'storePut': {
      storeMarkWritten(op, purpose.counter);
      return;
    }
    case 'memberState': {
      clearBackOff(op, `member ${purpose.roomId}`);
      return;
    }
    case 'accountDataGet': {
      receiveAccountData(op, purpose.type, response);
      return;
    }
    case 'backupVersion': {
      receiveBackupVersion(op, response);
      return;
    }
    case 'backupCreate': {
      receiveBackupCreated(op, response);
      return;
    }
    case 'backupPut': {
      receiveBackupPut(op, purpose.kids);
      return;
    }
    case 'backupGet': {
      receiveBackup(op, response);
      return;
    }
    case 'toDevice':
    case 'accountData':
      return;
  }
}

/** A user's devices are known now: kept frames, waiting events and the rooms they are in follow. */
function usersChanged(op: Op, { user, removed, trustChanged, added }: UserDiff): void {
  retryStaged(op, user.userId);
  const rooms = op.memory.awaitingDevices.get(user.userId);
  op.memory.awaitingDevices.delete(user.userId);
  for (const [roomId, eventIds] of rooms ?? [])
    op.notices.push({ kind: 'keysArrived', roomId, eventIds: [...eventIds] });
  if (removed.length + added.length === 0 && !trustChanged) return;
  for (const [roomId, room] of op.tx.entries(ROOMS)) {
    if (room.members[user.userId]?.membership !== 'join') continue;
    // A device that left the roster without a room event: the next sender re-keys.
    if (removed.length > 0) endSending(op, roomId);
    op.notices.push({ kind: 'roomChanged', roomId });
  }
  if (user.userId === op.self.userId) signOwnJoins(op);
}

export type Failure = { readonly status: number; readonly errcode?: string | undefined };

/** A request failed: kept ones are tried again later, derived ones are made again from the state then. */
export function requestFailed(op: Op, id: string, failure: Failure): void {
  const found = findRequest(op, id);
  if (found === undefined) return;
  const passing = failure.status === 0 || failure.status === 429 || failure.status >= 500;
  const kept = !op.memory.inFlight.has(id);
  if (kept && passing) {
    backOff(op, id);
    return;
  }
  dropRequest(op, id);
  deriveFailed(op, found, failure, passing);
}

function deriveFailed(op: Op, { purpose }: InFlight, failure: Failure, passing: boolean): void {
  switch (purpose.for) {
    case 'keysUpload': {
      if (passing) backOff(op, 'keysUpload');
      else uploadRefused(op, purpose.oneTime);
      return;
    }
    case 'keysQuery': {
      backOff(op, 'keysQuery');
      return;
    }
    case 'keysClaim': {
      claimFailed(op, purpose, failure.status);
      return;
    }
    case 'fallbackCheck': {
      backOff(op, 'keysUpload');
      return;
    }
    case 'members': {
      backOff(op, `members ${purpose.roomId}`);
      return;
    }
    case 'memberState': {
      backOff(op, `member ${purpose.roomId}`);
      return;
    }
    case 'deviceSigning': {
      backOff(op, 'deviceSigning');
      return;
    }
    case 'storeGet':
    case 'storePut': {
      storeMarkFailed(op, purpose.for === 'storeGet', failure.status);
      return;
    }
    case 'signatures': {
      backOff(op, 'signatures');
      return;
    }
    case 'accountDataGet': {
      accountDataFailed(op, purpose.type, failure.status);
      return;
    }
    case 'backupVersion': {
      if (failure.status === 404) backupMissing(op);
      else backOff(op, 'backup');
      return;
    }
    case 'backupCreate': {
      backOff(op, 'backup');
      return;
    }
    case 'backupPut': {
      backupPutFailed(op, failure.status);
      return;
    }
    case 'backupGet':
      if (op.memory.restore !== undefined)
        op.memory.restore.backup = failure.status === 404 ? 'done' : 'wanted';
      return;
    case 'vouch':
    case 'toDevice':
    case 'accountData':
      return;
  }
}

/** What follows from the state after every operation: requests that are due. */
export function maintain(op: Op): void {
  maintainStoreEpoch(op);
  expireFlows(op);
  stepLinking(op);
  maintainPrekeys(op);
  maintainIdentity(op);
  maintainBackup(op);
  honourAwaited(op);
  stepHealing(op);
  stepProfiles(op);
  requestQueries(op);
  requestMembers(op);
  requestClaims(op);
}
