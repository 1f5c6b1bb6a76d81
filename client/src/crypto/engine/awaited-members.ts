/**
 * Members who joined unsigned, by a server that dropped the signature from the join, and whose own signature follows
 * in a second event (e2ee.md section 3). What is said in between is theirs to read as well. Until they sign they get
 * nothing; the epoch only moves on a generation and notes that the newcomer may have it from there. An invitation that
 * holds is required even for that, so a member whom the server invented does not move anything.
 */
import { MAX_ADDITIONS, type EpochRecord } from '../group/epoch-record.ts';
import { MAX_ADDS_PER_MESSAGE, type Addition } from '../group/message.ts';
import { isInvitedMember, isSignedMember, type RoomRecord } from '../group/room-record.ts';
import { trustedDevices } from '../identity/user-record.ts';
import { wantClaim } from './claims.ts';
import { makeShare } from './key-share.ts';
import { deviceName, type Op } from './op.ts';
import { hasSession, peerOf, sealFor } from './pairwise-channel.ts';
import { RECENT_EPOCHS, SENDING } from './sending-slot.ts';
import { settledRoom } from './settled-room.ts';
import { AWAITED, EPOCHS, ROOMS, TOPS, USERS, type AwaitedMember, type AwaitedMembers } from './tables.ts';
import { sendToDevices } from './to-device.ts';

/** Awaited members noted per room: with more, the last ones get the generation after their signature only. */
const MAX_AWAITED = 500;
/** The signature follows at once: whoever has none by then belongs to a client that does not sign. */
const AWAIT_MS = 60 * 60 * 1000;

/** Members whom an epoch does not await yet though it should. */
export function unawaited(op: Op, room: RoomRecord, kid: string): readonly string[] {
  return Object.entries(op.tx.get(AWAITED, room.roomId) ?? {})
    .filter(([, { since, from }]) => op.now - since < AWAIT_MS && from[kid] === undefined)
    .filter(([userId]) => room.members[userId]?.membership === 'join' && isInvitedMember(room, userId))
    .filter(([userId]) => room.members[userId]?.joinState !== 'invalid' && !isSignedMember(room, userId))
    .map(([userId]) => userId);
}

/** Notes newcomers, and which generations are older than they are. */
export function noteNewcomers(op: Op, room: RoomRecord, users: readonly string[]): void {
  const known = Object.entries(op.tx.get(AWAITED, room.roomId) ?? {});
  // Who never signed and was promised nothing is not kept for ever.
  const awaited: Record<string, AwaitedMember> = Object.fromEntries(
    known.filter(([, { since, from }]) => op.now - since < AWAIT_MS || Object.keys(from).length > 0),
  );
  const space = MAX_AWAITED - Object.keys(awaited).length;
  const newcomers = users.filter((userId) => !isSignedMember(room, userId)).slice(0, Math.max(0, space));
  if (newcomers.length === 0) return;
  const floors: Record<string, number> = {};
  for (const kid of room.epochs.slice(-RECENT_EPOCHS)) {
    const record = op.tx.get(EPOCHS, kid);
    if (record !== undefined && record.closedAt === undefined && !record.full)
      floors[kid] = Math.max(record.top, op.tx.get(TOPS, kid) ?? 0);
  }
  for (const userId of newcomers) awaited[userId] = { since: op.now, floors, from: {} };
  op.tx.put(AWAITED, room.roomId, awaited);
}

/**
 * Promises the epoch to those whose join is older than its present generation, because another member moved it on
 * since. Answers whom only a new generation can be promised to.
 */
export function promiseCurrent(op: Op, room: RoomRecord, record: EpochRecord): readonly string[] {
  const awaited = op.tx.get(AWAITED, room.roomId) ?? {};
  return unawaited(op, room, record.kid).filter((userId) => {
    const floor = awaited[userId]?.floors[record.kid];
    if (room.gap || floor === undefined || record.top <= floor) return true;
    awaitMembers(op, room.roomId, record.kid, floor + 1, [userId]);
    return false;
  });
}

/** Promises these members the epoch from generation `g` on, once they have signed. */
export function awaitMembers(op: Op, roomId: string, kid: string, g: number, users: readonly string[]): void {
  const awaited: Record<string, AwaitedMember> = { ...op.tx.get(AWAITED, roomId) };
  for (const userId of users) {
    const member = awaited[userId];
    if (member !== undefined) awaited[userId] = { ...member, from: { ...member.from, [kid]: g } };
  }
  if (users.length > 0) op.tx.put(AWAITED, roomId, awaited);
}

/** Hands what they were promised to members whose signature has come. Called after every operation. */
export function honourAwaited(op: Op): void {
  for (const [roomId, awaited] of op.tx.entries(AWAITED)) honourRoom(op, roomId, awaited);
}

function honourRoom(op: Op, roomId: string, awaited: AwaitedMembers): void {
  const before = op.tx.get(ROOMS, roomId);
  const signing = Object.entries(awaited).filter(([userId]) => before?.members[userId]?.join !== undefined);
  // There is nothing to judge while none of them has signed.
  if (signing.length === 0) return;
  const room = settledRoom(op, roomId);
  if (room?.membership !== 'join') return;
  const served = signing.filter(
    ([userId, { from }]) => isSignedMember(room, userId) && handOver(op, roomId, userId, from),
  );
  forgetAwaited(
    op,
    roomId,
    served.map(([userId]) => userId),
  );
}

/** Nothing is owed to these users any more: they have it, or their membership ended. */
export function forgetAwaited(op: Op, roomId: string, users: readonly string[]): void {
  const awaited = op.tx.get(AWAITED, roomId);
  if (awaited === undefined || users.length === 0) return;
  const gone = new Set(users);
  const left = Object.entries(awaited).filter(([userId]) => !gone.has(userId));
  if (left.length === 0) op.tx.delete(AWAITED, roomId);
  else op.tx.put(AWAITED, roomId, Object.fromEntries(left));
}

/** Shares every epoch that was promised to the user; false while a device's session is still being made. */
function handOver(op: Op, roomId: string, userId: string, from: AwaitedMember['from']): boolean {
  let done = true;
  for (const [kid, g] of Object.entries(from)) {
    const record = op.tx.get(EPOCHS, kid);
    if (record !== undefined && !shareFrom(op, roomId, userId, record, g)) done = false;
  }
  return done;
}

function shareFrom(op: Op, roomId: string, userId: string, record: EpochRecord, g: number): boolean {
  let done = true;
  const adds: Addition[] = [];
  for (const device of trustedDevices(op.tx.get(USERS, userId))) {
    const { deviceId, ed25519 } = device;
    if (hasFrom(record, { user: userId, device: deviceId, ed25519, g })) continue;
    if (record.adds.length + adds.length >= MAX_ADDITIONS) continue;
    const peer = peerOf(userId, device);
    if (!hasSession(op, peer) && wantClaim(op, deviceName(userId, deviceId))) {
      done = false;
      continue;
    }
    // Without a session, and none to be had now, it is left to healing, which answers by the addition.
    const content = sealFor(op, peer, makeShare(record, Math.max(g, record.g)));
    if (content !== undefined)
      sendToDevices(
        op,
        'm.room.encrypted',
        { [userId]: { [deviceId]: content } },
        { for: 'toDevice', kid: record.kid },
      );
    adds.push({ user: userId, device: deviceId, ed25519, g });
  }
  if (adds.length === 0) return done;
  op.tx.put(EPOCHS, record.kid, { ...record, adds: [...record.adds, ...adds] });
  const slot = op.tx.get(SENDING, roomId);
  if (slot?.kid === record.kid)
    op.tx.put(SENDING, roomId, { ...slot, adds: [...slot.adds, ...adds].slice(-MAX_ADDS_PER_MESSAGE) });
  return done;
}

const hasFrom = ({ roster, adds }: EpochRecord, { user, device, ed25519, g }: Addition): boolean =>
  roster?.[user]?.[device] === ed25519 ||
  adds.some((add) => add.user === user && add.device === device && add.ed25519 === ed25519 && add.g <= g);
