/**
 * Healing (e2ee.md section 4): asking for keys that have not come (who answers: `answering.ts`). Requests, answers and
 * refusals travel inside pairwise frames only, never in a group message.
 */
import * as z from 'zod/mini';
import { MAX_GENERATION } from '../group/epoch.ts';
import { isSignedMember, joinedMembers, type RoomRecord } from '../group/room-record.ts';
import { trustedDevices, type DeviceRecord } from '../identity/user-record.ts';
import { toHex } from '../primitives/bytes.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { randomU32 } from '../primitives/random.ts';
import { claimsUnderWay, wantClaim } from './claims.ts';
import { deviceName, splitDeviceName, type Op } from './op.ts';
import { hasSession, peerOf, sealFor, type InnerEvent, type PairwiseContent } from './pairwise-channel.ts';
import { settledRoom } from './settled-room.ts';
import { EPOCHS, USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';
import { isOver, STAGES, WAITING, waitingName, type WaitingKey } from './waiting.ts';

/** Asks for a key. */
export const KEY_REQUEST_TYPE = `${NAMESPACE}.key_request`;
/** Refuses one. */
export const KEY_WITHHELD_TYPE = `${NAMESPACE}.key_withheld`;

/** When each stage begins, after the first: with jitter and a claim on the way, the third asks before 5 s are over. */
const STAGE_DELAYS_MS = [0, 2_000, 3_500, 60_000, 600_000] as const;
/** Requests of many who miss the same key do not all leave at once. */
const JITTER_MS = 250;
/** The stage, a minute in, from which those who were asked before are asked again, whoever else there is. */
const REPEAT_FROM_STAGE = 3;
/** How long sessions that are being claimed put a stage off at most. */
const CLAIM_WAIT_MS = 1_000;
/** Random members asked in the second stage. */
const SAMPLE = 3;
/** Rooms in which the third stage may ask everybody at once; in larger ones it asks another sample. */
const SMALL_ROOM_DEVICES = 64;

/** Sends the requests that are due. Called after every operation and by the timer. */
export function stepHealing(op: Op): void {
  for (const [name, waiting] of op.tx.entries(WAITING)) {
    if (waiting.withheld !== undefined || !isDue(op, waiting)) continue;
    if (waiting.stage > STAGES || askedLower(op, waiting)) continue;
    if (isOver(op, waiting)) {
      tellPage(op, waiting);
      op.tx.put(WAITING, name, { ...waiting, stage: STAGES + 1, nextAt: Number.MAX_SAFE_INTEGER });
      continue;
    }
    step(op, name, waiting);
  }
}

/** Whether its time has come, or the sessions that it was put off for are there. */
const isDue = (op: Op, { nextAt, putOff }: WaitingKey): boolean =>
  nextAt <= op.now || (putOff !== undefined && !claimsUnderWay(op));

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
        ...{ ...waiting, stage: 0, nextAt: op.now, since: op.now, asked: [], putOff: undefined },
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
  const asked = new Set(waiting.stage >= REPEAT_FROM_STAGE ? [] : waiting.asked);
  const fresh = sendTo(
    op,
    audience.filter((device) => !asked.has(device)),
    inner,
  );
  // A question or its answer may have been lost: with nobody else left, those who were asked are asked again.
  const nobody = fresh.reached.length + fresh.missing.length === 0;
  const sent = nobody ? sendTo(op, audience, inner) : fresh;
  // Sessions that are being claimed are ready in a moment: this stage is repeated for them.
  const { putOff } = waiting;
  const retry = sent.missing.length > 0 && putOff === undefined && waiting.stage < STAGES;
  const next = retry ? waiting.stage : waiting.stage + 1;
  const delay = (STAGE_DELAYS_MS[next] ?? STAGE_DELAYS_MS[4]) - (STAGE_DELAYS_MS[waiting.stage] ?? 0);
  const waited = putOff === undefined ? 0 : Math.min(op.now - putOff, CLAIM_WAIT_MS);
  const wait = retry ? CLAIM_WAIT_MS : delay - waited + (randomU32(op.random) % JITTER_MS);
  op.tx.put(WAITING, name, {
    ...waiting,
    requestId,
    asked: [...new Set([...waiting.asked, ...sent.reached])],
    stage: next,
    putOff: retry ? op.now : undefined,
    nextAt: op.now + wait,
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
      if (wantClaim(op, name)) missing.push(name);
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
