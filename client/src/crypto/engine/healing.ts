/**
 * Healing (e2ee.md section 4): asking for keys that have not come, and answering those who ask. Requests, answers and
 * refusals travel inside pairwise frames only, never in a group message.
 */
import * as z from 'zod/mini';
import { MAX_GENERATION } from '../group/epoch.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { isSignedMember, joinedMembers, type RoomRecord } from '../group/room-record.ts';
import { isTrustedDevice, trustedDevices, type DeviceRecord } from '../identity/user-record.ts';
import { toHex } from '../primitives/bytes.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { randomU32 } from '../primitives/random.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import { wantClaim } from './claims.ts';
import { makeShare } from './key-share.ts';
import { deviceName, splitDeviceName, type Op } from './op.ts';
import { hasSession, peerOf, sealFor, type InnerEvent, type PairwiseContent } from './pairwise-channel.ts';
import { settledRoom } from './settled-room.ts';
import { EPOCHS, ROOMS, USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';
import { isOver, STAGES, WAITING, waitingName, type WaitingKey, type WithheldCode } from './waiting.ts';

export const KEY_REQUEST_TYPE = `${NAMESPACE}.key_request`;
export const KEY_WITHHELD_TYPE = `${NAMESPACE}.key_withheld`;

/** Answers per (device, kid), ever, and per device in an hour. */
const MAX_ANSWERS_PER_KEY = 5;
const MAX_ANSWERS_PER_HOUR = 30;
const HOUR_MS = 60 * 60 * 1000;

/** When each stage begins, after the first. */
const STAGE_DELAYS_MS = [0, 2_000, 4_000, 60_000, 600_000] as const;
/** The stage, a minute in, from which those who were asked before are asked again. */
const REPEAT_FROM_STAGE = 3;
/** Random members asked in the second stage. */
const SAMPLE = 3;
/** Rooms in which the third stage may ask everybody at once; in larger ones it asks another sample. */
const SMALL_ROOM_DEVICES = 64;

const ANSWERS: Table<readonly number[]> = jsonTable('answers');

// --- asking -----------------------------------------------------------------------------------------------------

/** Sends the requests that are due. Called after every operation and by the timer. */
export function stepHealing(op: Op): void {
  for (const [name, waiting] of op.tx.entries(WAITING)) {
    if (waiting.nextAt > op.now || waiting.withheld !== undefined) continue;
    if (waiting.stage > STAGES || askedLower(op, waiting)) continue;
    if (isOver(op, waiting)) {
      tellPage(op, waiting);
      op.tx.put(WAITING, name, { ...waiting, stage: STAGES + 1, nextAt: Number.MAX_SAFE_INTEGER });
      continue;
    }
    step(op, name, waiting);
  }
}

/** Whether a lower generation of the same epoch is being asked for: its answer would do for this one too. */
function askedLower(op: Op, { roomId, kid, g }: WaitingKey): boolean {
  for (let lower = 0; lower < g; lower++) {
    const other = op.tx.get(WAITING, waitingName(roomId, kid, lower));
    if (other !== undefined && other.withheld === undefined && other.stage > 0 && other.stage < 3)
      return true;
  }
  return false;
}

/** When the next request is due, or undefined. */
export function nextHealing(op: Op): number | undefined {
  const times = op.tx
    .entries(WAITING)
    .filter(([, waiting]) => waiting.stage <= STAGES && waiting.withheld === undefined)
    .filter(([, waiting]) => !askedLower(op, waiting))
    .map(([, waiting]) => waiting.nextAt);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The user pressed "ask the sender": starts over. */
export function askAgain(op: Op, roomId: string, eventId: string): void {
  for (const [name, waiting] of op.tx.entries(WAITING))
    if (waiting.roomId === roomId && waiting.events.includes(eventId))
      op.tx.put(WAITING, name, {
        ...{ ...waiting, stage: 0, nextAt: op.now, since: op.now, asked: [] },
        withheld: undefined,
      });
}

function step(op: Op, name: string, waiting: WaitingKey): void {
  const room = settledRoom(op, waiting.roomId);
  const audience = room === undefined ? [] : audienceOf(op, room, waiting);
  const requestId = waiting.requestId === '' ? toHex(op.random(8)) : waiting.requestId;
  const { kid, g, roomId } = waiting;
  const inner: InnerEvent = {
    type: KEY_REQUEST_TYPE,
    content: { room: roomId, kid, g, request_id: requestId },
  };
  // Later stages ask all of them again: an answer may have been lost on its way, and in a room of two nobody else has it.
  const asked = new Set(waiting.stage >= REPEAT_FROM_STAGE ? [] : waiting.asked);
  const sent = sendTo(
    op,
    audience.filter((device) => !asked.has(device)),
    inner,
  );
  // Sessions that are being claimed are ready in a moment: this stage is repeated for them.
  const retry = sent.missing.length > 0 && waiting.stage < STAGES;
  const next = waiting.stage + 1;
  const delay = (STAGE_DELAYS_MS[next] ?? STAGE_DELAYS_MS[4]) - (STAGE_DELAYS_MS[waiting.stage] ?? 0);
  const jitter = randomU32(op.random) % 250;
  op.tx.put(WAITING, name, {
    ...waiting,
    requestId,
    asked: [...new Set([...waiting.asked, ...sent.reached])],
    stage: next,
    nextAt: op.now + (retry ? Math.min(delay, 500) : delay) + jitter,
  });
}

/** Devices (`user|device`) to ask in this stage. */
function audienceOf(op: Op, room: RoomRecord, { stage, sender, kid }: WaitingKey): string[] {
  const devicesOf = (userId: string): string[] =>
    trustedDevices(op.tx.get(USERS, userId)).map((device) => deviceName(userId, device.deviceId));
  const own = devicesOf(op.self.userId).filter(
    (name) => name !== deviceName(op.self.userId, op.self.deviceId),
  );
  const first = [...devicesOf(sender), ...own];
  if (stage === 0) return first;
  const creator = op.tx.get(EPOCHS, kid)?.epoch.creator;
  const members = joinedMembers(room).filter(
    (userId) => userId !== op.self.userId && isSignedMember(room, userId),
  );
  const everyone = members.flatMap(devicesOf);
  const known = creator === undefined ? [] : devicesOf(creator);
  if (stage === 1) return [...first, ...known, ...sample(op, everyone, SAMPLE)];
  if (stage === 2 && everyone.length > SMALL_ROOM_DEVICES)
    return [...first, ...known, ...sample(op, everyone, SAMPLE)];
  return [...new Set([...first, ...everyone])];
}

function sample(op: Op, names: readonly string[], count: number): string[] {
  const left = [...names];
  const chosen: string[] = [];
  while (chosen.length < count && left.length > 0)
    chosen.push(...left.splice(randomU32(op.random) % left.length, 1));
  return chosen;
}

type Sent = { readonly reached: readonly string[]; readonly missing: readonly string[] };

function sendTo(op: Op, names: readonly string[], inner: InnerEvent): Sent {
  const messages: Record<string, Record<string, PairwiseContent>> = {};
  const reached: string[] = [];
  const missing: string[] = [];
  for (const name of names) {
    const [userId, deviceId] = splitDeviceName(name);
    const device = op.tx.get(USERS, userId)?.devices[deviceId];
    if (device === undefined) continue;
    const peer = peerOf(userId, device);
    const content = hasSession(op, peer) ? sealFor(op, peer, inner) : undefined;
    if (content === undefined) {
      missing.push(name);
      wantClaim(op, name);
      continue;
    }
    reached.push(name);
    messages[userId] = { ...messages[userId], [deviceId]: content };
  }
  if (reached.length > 0) sendToDevices(op, 'm.room.encrypted', messages, { for: 'toDevice' });
  return { reached, missing };
}

/** A key came: what waited for it, or for a later generation, can be decrypted. */
export function keyArrived(op: Op, roomId: string, kid: string): void {
  const record = op.tx.get(EPOCHS, kid);
  if (record === undefined) return;
  const eventIds: string[] = [];
  for (let g = record.g; g <= MAX_GENERATION; g++) {
    const waiting = op.tx.get(WAITING, waitingName(roomId, kid, g));
    if (waiting === undefined) continue;
    op.tx.delete(WAITING, waitingName(roomId, kid, g));
    eventIds.push(...waiting.events);
  }
  if (eventIds.length > 0) op.notices.push({ kind: 'keysArrived', roomId, eventIds });
}

const withheldSchema = z.object({
  room: z.string().check(z.maxLength(255)),
  kid: z.string().check(z.length(22)),
  g: z.number().check(z.int(), z.nonnegative()),
  code: z.enum(['not_in_roster', 'left', 'before_join', 'withheld']),
});

/** A holder refuses. Believed when it comes from the sender's or our own side; others may simply know less. */
export function takeWithheld(op: Op, sender: string, _device: DeviceRecord, content: unknown): void {
  const parsed = withheldSchema.safeParse(content);
  if (!parsed.success) return;
  const { room, kid, g, code } = parsed.data;
  const name = waitingName(room, kid, g);
  const waiting = op.tx.get(WAITING, name);
  if (waiting === undefined || (sender !== waiting.sender && sender !== op.self.userId)) return;
  op.tx.put(WAITING, name, { ...waiting, withheld: code });
  for (const eventId of waiting.events)
    op.notices.push({
      kind: 'eventState',
      roomId: room,
      eventId,
      result: { eventId, state: 'refused', code },
    });
}

function tellPage(op: Op, { roomId, kid, events }: WaitingKey): void {
  for (const eventId of events)
    op.notices.push({
      kind: 'eventState',
      roomId,
      eventId,
      result: { eventId, state: 'waiting', kid, askSender: true },
    });
}

// --- answering --------------------------------------------------------------------------------------------------

const requestSchema = z.object({
  room: z.string().check(z.maxLength(255)),
  kid: z.string().check(z.length(22)),
  g: z.number().check(z.int(), z.minimum(0), z.maximum(MAX_GENERATION)),
  request_id: z.string().check(z.maxLength(64)),
});

/** Answers a request if every rule allows it. The requester is the device that the frame proved. */
export function takeKeyRequest(op: Op, userId: string, device: DeviceRecord, content: unknown): void {
  const parsed = requestSchema.safeParse(content);
  if (!parsed.success) return;
  const { room: roomId, kid, g } = parsed.data;
  const record = op.tx.get(EPOCHS, kid);
  if (record?.epoch.room !== roomId || !takeTurn(op, userId, device, kid)) return;
  const verdict = allowedFrom(op, record, userId, device);
  if (typeof verdict === 'string') {
    reply(op, userId, device, withheld(roomId, kid, g, verdict));
    return;
  }
  const from = Math.max(verdict, record.g);
  // What we hold begins after what is asked for: somebody else may have more.
  if (from > g) {
    if (verdict > g) reply(op, userId, device, withheld(roomId, kid, g, 'before_join'));
    return;
  }
  reply(op, userId, device, makeShare(record, from));
}

/** The lowest generation this device may have, or why it gets nothing. */
function allowedFrom(
  op: Op,
  record: EpochRecord,
  userId: string,
  device: DeviceRecord,
): number | WithheldCode {
  const user = op.tx.get(USERS, userId);
  if (!isTrustedDevice(user, device)) return 'withheld';
  if (userId === op.self.userId) return 0;
  const room = settledRoom(op, record.epoch.room) ?? op.tx.get(ROOMS, record.epoch.room);
  // Joined now, by signed membership: someone who left gets nothing, even for before.
  if (room?.members[userId]?.membership !== 'join') return 'left';
  if (!isSignedMember(room, userId)) return 'withheld';
  if (record.roster?.[userId]?.[device.deviceId] === device.ed25519) return 0;
  const added = record.adds.filter(
    (add) => add.user === userId && add.device === device.deviceId && add.ed25519 === device.ed25519,
  );
  return added.length === 0 ? 'not_in_roster' : Math.min(...added.map((add) => add.g));
}

/** Counts an answer against the limits; false when they are used up. */
function takeTurn(op: Op, userId: string, device: DeviceRecord, kid: string): boolean {
  const perKey = `${deviceName(userId, device.deviceId)}|${kid}`;
  const perDevice = deviceName(userId, device.deviceId);
  const before = op.tx.get(ANSWERS, perKey) ?? [];
  const lately = (op.tx.get(ANSWERS, perDevice) ?? []).filter((at) => op.now - at < HOUR_MS);
  if (before.length >= MAX_ANSWERS_PER_KEY || lately.length >= MAX_ANSWERS_PER_HOUR) return false;
  op.tx.put(ANSWERS, perKey, [...before, op.now]);
  op.tx.put(ANSWERS, perDevice, [...lately, op.now]);
  return true;
}

const withheld = (room: string, kid: string, g: number, code: WithheldCode): InnerEvent => ({
  type: KEY_WITHHELD_TYPE,
  content: { room, kid, g, code },
});

function reply(op: Op, userId: string, device: DeviceRecord, inner: InnerEvent): void {
  const content = sealFor(op, peerOf(userId, device), inner);
  if (content === undefined) return;
  sendToDevices(op, 'm.room.encrypted', { [userId]: { [device.deviceId]: content } }, { for: 'toDevice' });
}
