/** The other side of healing (e2ee.md section 4): who gets a key that they ask for, and how often. */
import * as z from 'zod/mini';
import { MAX_GENERATION } from '../group/epoch.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { isSignedMember } from '../group/room-record.ts';
import { isTrustedDevice, type DeviceRecord } from '../identity/user-record.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import { KEY_WITHHELD_TYPE } from './healing.ts';
import { makeShare } from './key-share.ts';
import { deviceName, type Op } from './op.ts';
import { peerOf, sealFor, type InnerEvent } from './pairwise-channel.ts';
import { settledRoom } from './settled-room.ts';
import { EPOCHS, ROOMS, USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';
import type { WithheldCode } from './waiting.ts';

/** Answers per (device, kid), ever, and per device in an hour. */
const MAX_ANSWERS_PER_KEY = 5;
const MAX_ANSWERS_PER_HOUR = 30;
const HOUR_MS = 60 * 60 * 1000;

/**
 * Requests that come so soon after an answer about the same key were waiting beside the one that it answers: whoever
 * was away finds all that were sent meanwhile. They cost the asker none of its answers.
 */
const SAME_ANSWER_MS = 1_000;

const ANSWERS: Table<readonly number[]> = jsonTable('answers');

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

/** Counts an answer against the limits; false when they are used up, or this key was answered a moment ago. */
function takeTurn(op: Op, userId: string, device: DeviceRecord, kid: string): boolean {
  const perKey = `${deviceName(userId, device.deviceId)}|${kid}`;
  const perDevice = deviceName(userId, device.deviceId);
  const before = op.tx.get(ANSWERS, perKey) ?? [];
  const lately = (op.tx.get(ANSWERS, perDevice) ?? []).filter((at) => op.now - at < HOUR_MS);
  if (op.now - (before.at(-1) ?? -Infinity) < SAME_ANSWER_MS) return false;
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
