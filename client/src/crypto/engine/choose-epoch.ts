/** Which epoch to send under (e2ee.md section 3): newest roster, then lowest kid; or a fresh one. */
import {
  commitment,
  epochKid,
  MAX_EPOCH_AGE_MS,
  MAX_EPOCH_MESSAGES,
  MAX_GENERATION,
  newGroupKey,
  rosterHash,
  signEpoch,
  type Epoch,
  type Roster,
} from '../group/epoch.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { isSignedMember, newestDeparture, type RoomRecord } from '../group/room-record.ts';
import { isTrustedDevice } from '../identity/user-record.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import { enterEpoch, isSignedEpoch } from './key-share.ts';
import type { Op } from './op.ts';
import { RECENT_EPOCHS } from './sending-slot.ts';
import { EPOCHS, USERS } from './tables.ts';

/** Messages seen per epoch, by kid. */
export const COUNTS: Table<number> = jsonTable('epoch-counts');

/** An `after` we have not seen yet: somebody knows of a departure before us. */
const AHEAD = Number.MAX_SAFE_INTEGER;

/** Place of an epoch in the order of departures; -1 before the first. */
export function rankOf(room: RoomRecord, after: string | null): number {
  if (after === null) return -1;
  const at = room.departures.findIndex((departure) => departure.eventId === after);
  return at < 0 ? AHEAD : at;
}

export const isAhead = (room: RoomRecord, record: EpochRecord): boolean =>
  rankOf(room, record.epoch.after) === AHEAD;

/** The best epoch to go on with, or undefined when the next send has to make one. */
export function chooseEpoch(op: Op, room: RoomRecord, roster: Roster): EpochRecord | undefined {
  const newest = room.departures.length - 1;
  const usable = room.epochs
    .slice(-RECENT_EPOCHS)
    .flatMap((kid) => op.tx.get(EPOCHS, kid) ?? [])
    .filter((record) => rankOf(room, record.epoch.after) >= newest && isUsable(op, room, record, roster));
  return usable.sort((a, b) => compare(room, a, b))[0];
}

function compare(room: RoomRecord, a: EpochRecord, b: EpochRecord): number {
  const byRank = rankOf(room, b.epoch.after) - rankOf(room, a.epoch.after);
  if (byRank !== 0) return byRank;
  return a.kid < b.kid ? -1 : 1;
}

function isUsable(op: Op, room: RoomRecord, record: EpochRecord, current: Roster): boolean {
  const { epoch, imported, top, proven, g } = record;
  const age = op.now - epoch.time;
  if (imported || record.full || age >= MAX_EPOCH_AGE_MS || top >= MAX_GENERATION) return false;
  if ((op.tx.get(COUNTS, record.kid) ?? 0) >= MAX_EPOCH_MESSAGES) return false;
  // A key that nobody vouched for yet could be a planted one.
  if (!proven && g === 0) return false;
  const creatorIsMember = epoch.creator === op.self.userId || isSignedMember(room, epoch.creator);
  if (!creatorIsMember || !isSignedEpoch(op, record)) return false;
  if (record.roster === undefined) return epoch.roster === rosterHash(current);
  return everyoneStillTrusted(op, room, record);
}

/** Nobody in the roster, or added to it, has left, was removed or lost trust. */
function everyoneStillTrusted(op: Op, room: RoomRecord, record: EpochRecord): boolean {
  const trusted = (userId: string, deviceId: string, ed25519: string): boolean => {
    if (userId !== op.self.userId && !isSignedMember(room, userId)) return false;
    if (userId === op.self.userId && deviceId === op.self.deviceId) return true;
    const user = op.tx.get(USERS, userId);
    const device = user?.devices[deviceId];
    return device?.ed25519 === ed25519 && isTrustedDevice(user, device);
  };
  for (const [userId, devices] of Object.entries(record.roster ?? {}))
    for (const [deviceId, ed25519] of Object.entries(devices))
      if (!trusted(userId, deviceId, ed25519)) return false;
  return record.adds.every(({ user, device, ed25519 }) => trusted(user, device, ed25519));
}

/** Makes an epoch for this roster, leaving out the newest departure. */
export function createEpoch(op: Op, room: RoomRecord, roster: Roster): EpochRecord {
  const key = newGroupKey(op.random);
  const epoch: Epoch = {
    room: room.roomId,
    creator: op.self.userId,
    device: op.self.deviceId,
    roster: rosterHash(roster),
    after: newestDeparture(room) ?? null,
    time: op.now,
    kc: commitment(key, room.roomId, 0),
  };
  const record: EpochRecord = {
    kid: epochKid(epoch),
    epoch,
    signature: signEpoch(epoch, op.self.ed25519.secret),
    roster,
    adds: [],
    g: 0,
    key,
    top: 0,
    proven: true,
    closedAt: undefined,
    full: false,
    imported: false,
    vouched: {},
    backedUp: false,
  };
  enterEpoch(op, record);
  return record;
}

/** Devices of `current` that do not have the epoch's key. */
export function missingDevices(
  op: Op,
  record: EpochRecord,
  current: Roster,
): (readonly [string, string, string])[] {
  const added = new Set(record.adds.map((add) => `${add.user}|${add.device}|${add.ed25519}`));
  const missing: [string, string, string][] = [];
  for (const [userId, devices] of Object.entries(current))
    for (const [deviceId, ed25519] of Object.entries(devices)) {
      const own = userId === op.self.userId && deviceId === op.self.deviceId;
      const known = record.roster === undefined || record.roster[userId]?.[deviceId] === ed25519;
      if (!own && !known && !added.has(`${userId}|${deviceId}|${ed25519}`))
        missing.push([userId, deviceId, ed25519]);
    }
  return missing;
}
