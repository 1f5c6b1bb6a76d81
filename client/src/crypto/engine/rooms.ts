/** Rooms inside the engine: what a sync changes, who may get keys, what the page's banner says. */
import * as z from 'zod/mini';
import { MAX_GENERATION, type Roster } from '../group/epoch.ts';
import {
  emptyRoom,
  isSignedMember,
  joinedMembers,
  newestDeparture,
  type RoomRecord,
} from '../group/room-record.ts';
import { applyMemberList, applyRoomUpdate, noteDeparture, type RoomChange } from '../group/room-updates.ts';
import {
  INVITE_PROOF_KEY,
  PROOF_KEY,
  signProof,
  VOUCHES_KEY,
  type SignedProof,
} from '../identity/membership-proof.ts';
import { trustOf, trustedDevices } from '../identity/user-record.ts';
import { GROUP_ALGORITHM } from '../primitives/names.ts';
import { forgetAwaited, noteNewcomers } from './awaited-members.ts';
import { track } from './directory.ts';
import { eventSchema } from './events.ts';
import type { Op } from './op.ts';
import type { RoomStatus } from './protocol/messages.ts';
import type { RoomUpdate } from './protocol/sync.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';
import { endSending } from './sending-slot.ts';
import { settledRoom } from './settled-room.ts';
import { AWAITED, ROOMS, TOPS, USERS } from './tables.ts';

/** Takes one room's part of a sync in. */
export function syncRoom(op: Op, roomId: string, update: RoomUpdate): void {
  const before = op.tx.get(ROOMS, roomId) ?? emptyRoom(roomId);
  const change = applyRoomUpdate(before, update, op.self.userId);
  store(op, before, change);
  for (const event of update.timeline)
    if (event.type === 'm.room.encrypted') noteGeneration(op, event.content);
  // A gap may hide that somebody left and came back: nobody is owed what was said since an earlier join.
  if (update.limited) op.tx.delete(AWAITED, roomId);
  else if (before.membership === 'join') noteNewcomers(op, change.room, change.joined);
}

const generation = z.object({
  kid: z.string().check(z.length(22)),
  g: z.number().check(z.int(), z.minimum(1)),
});

/**
 * Generations in use by the clear header: a joiner whom we see gets one above all that were used before. A made-up one
 * costs a fresh epoch at most.
 */
function noteGeneration(op: Op, content: Readonly<Record<string, unknown>>): void {
  const parsed = generation.safeParse(content);
  if (!parsed.success) return;
  const { kid, g } = parsed.data;
  if (g > (op.tx.get(TOPS, kid) ?? 0)) op.tx.put(TOPS, kid, Math.min(g, MAX_GENERATION));
}

const memberList = z.object({ chunk: z.array(eventSchema).check(z.maxLength(100_000)) });

/** Takes the answer of `/members` in. */
export function receiveMembers(op: Op, roomId: string, response: unknown): void {
  const parsed = memberList.safeParse(response);
  const before = op.tx.get(ROOMS, roomId);
  if (!parsed.success || before === undefined) {
    backOff(op, `members ${roomId}`);
    return;
  }
  clearBackOff(op, `members ${roomId}`);
  op.memory.wantMembers.delete(roomId);
  store(op, before, applyMemberList(before, parsed.data.chunk, op.self.userId));
}

function store(op: Op, before: RoomRecord, change: RoomChange): void {
  const { room, departed, joined } = change;
  op.tx.put(ROOMS, room.roomId, room);
  if (departed.length > 0) endSending(op, room.roomId);
  if (room.membership === 'join') forgetAwaited(op, room.roomId, departed);
  else op.tx.delete(AWAITED, room.roomId);
  if (room.everEncrypted && room.membership === 'join')
    for (const userId of joinedMembers(room)) track(op, userId);
  const encryptionChanged =
    before.algorithm !== room.algorithm || before.everEncrypted !== room.everEncrypted;
  if (departed.length + joined.length > 0 || encryptionChanged || before.membership !== room.membership)
    op.notices.push({ kind: 'roomChanged', roomId: room.roomId });
}

/** A departure somebody else named: whoever left is looked up before anything more is sent. */
export function departureNamed(op: Op, roomId: string, eventId: string | undefined): void {
  const room = op.tx.get(ROOMS, roomId);
  if (room === undefined) return;
  // What the sync showed already was acted upon then.
  if (eventId !== undefined && newestDeparture(room) === eventId) return;
  const noted = eventId === undefined ? room : noteDeparture(room, eventId);
  const known = room.departures.some((departure) => departure.eventId === eventId);
  op.tx.put(ROOMS, roomId, known ? noted : { ...noted, membersComplete: false });
  endSending(op, roomId);
}

/** Asks for the member lists that sends are waiting for. */
export function requestMembers(op: Op): void {
  for (const roomId of op.memory.wantMembers) {
    if (isBackedOff(op, `members ${roomId}`)) continue;
    if (isInFlight(op, (p) => p.for === 'members' && p.roomId === roomId)) continue;
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(roomId)}/members`;
    request(op, { kind: 'members', method: 'GET', path }, { for: 'members', roomId });
  }
}

/** Who gets keys: the trusted devices of the signed members, our own other devices among them. */
export function currentRoster(op: Op, room: RoomRecord): Roster {
  const roster: Record<string, Record<string, string>> = {};
  for (const userId of joinedMembers(room)) {
    if (userId !== op.self.userId && !isSignedMember(room, userId)) continue;
    const devices = trustedDevices(op.tx.get(USERS, userId)).map((d) => [d.deviceId, d.ed25519] as const);
    if (devices.length > 0) roster[userId] = Object.fromEntries(devices);
  }
  return roster;
}

export function roomStatus(op: Op, roomId: string): RoomStatus {
  const room = settledRoom(op, roomId);
  if (room?.everEncrypted !== true)
    return {
      roomId,
      encryption: 'clear',
      algorithm: undefined,
      withoutDevice: [],
      unsigned: [],
      changed: [],
    };
  const others = joinedMembers(room).filter((userId) => userId !== op.self.userId);
  const user = (userId: string) => op.tx.get(USERS, userId);
  const fresh = (userId: string): boolean => user(userId)?.outdated === 0;
  return {
    roomId,
    encryption: room.algorithm === GROUP_ALGORITHM ? 'epoch' : 'locked',
    algorithm: room.algorithm,
    withoutDevice: others.filter((userId) => fresh(userId) && trustedDevices(user(userId)).length === 0),
    unsigned: others.filter((userId) => fresh(userId) && !isSignedMember(room, userId)),
    changed: others.filter((userId) => trustOf(user(userId)) === 'changed'),
  };
}

/** Signs a membership change that the user asked for: what to merge into the member event's content. */
export function signMembership(
  op: Op,
  roomId: string,
  membership: SignedProof['membership'],
  target: string,
): Readonly<Record<string, unknown>> {
  // A join signed by a device that nobody can vouch for yet would only stand in the way of the signature to come.
  if (membership === 'join' && !isOwnDeviceSigned(op)) return {};
  const proof = signProof(
    roomId,
    { membership, actor: op.self.userId, device: op.self.deviceId, target, at: op.now },
    op.self.ed25519.secret,
  );
  if (membership !== 'join') return { [PROOF_KEY]: proof };
  const room = op.tx.get(ROOMS, roomId);
  const invite = room?.members[op.self.userId]?.invite;
  const vouches = room?.vouches ?? [];
  return {
    [PROOF_KEY]: proof,
    ...(invite === undefined ? {} : { [INVITE_PROOF_KEY]: invite }),
    ...(vouches.length === 0 ? {} : { [VOUCHES_KEY]: vouches }),
  };
}

/** The user confirms a member: our signed invitation for them goes into our own member event. */
export function vouch(op: Op, roomId: string, target: string): void {
  const room = op.tx.get(ROOMS, roomId);
  if (room === undefined) return;
  const { [PROOF_KEY]: proof } = signMembership(op, roomId, 'invite', target) as Record<string, SignedProof>;
  if (proof === undefined) return;
  const member = room.members[target];
  const members =
    member === undefined
      ? room.members
      : { ...room.members, [target]: { ...member, invite: proof, inviteState: 'valid' as const } };
  const vouches = [...room.vouches.filter((v) => v.target !== target), proof].slice(-100);
  op.tx.put(ROOMS, roomId, { ...room, members, vouches });
  requestMemberState(op, roomId);
  op.notices.push({ kind: 'roomChanged', roomId });
}

/** Signs our own join where it stands unsigned: after a join by alias, by the server's own hand, or a new name. */
export function signOwnJoins(op: Op): void {
  for (const [roomId, room] of op.tx.entries(ROOMS)) {
    if (!room.everEncrypted || room.membership !== 'join' || room.ownMember === undefined) continue;
    if (room.ownMember[PROOF_KEY] !== undefined || !isOwnDeviceSigned(op)) continue;
    if (isBackedOff(op, `member ${roomId}`)) continue;
    requestMemberState(op, roomId);
  }
}

function isOwnDeviceSigned(op: Op): boolean {
  const own = op.tx.get(USERS, op.self.userId);
  return own?.devices[op.self.deviceId]?.crossSignature !== undefined;
}

function requestMemberState(op: Op, roomId: string): void {
  const room = op.tx.get(ROOMS, roomId);
  if (room?.ownMember === undefined) return;
  if (isInFlight(op, (p) => p.for === 'memberState' && p.roomId === roomId)) return;
  const body = {
    ...room.ownMember,
    ...signMembership(op, roomId, 'join', op.self.userId),
    membership: 'join',
  };
  const [room_, user] = [encodeURIComponent(roomId), encodeURIComponent(op.self.userId)];
  const path = `/_matrix/client/v3/rooms/${room_}/state/m.room.member/${user}`;
  request(op, { kind: 'memberState', method: 'PUT', path, body }, { for: 'memberState', roomId });
}
