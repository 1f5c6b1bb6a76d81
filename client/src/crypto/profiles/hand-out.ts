/**
 * How profile keys travel: inside pairwise frames only, to cross-signed devices of contacts and of our own, like epoch
 * keys. What is outstanding follows from what is stored, so that a restart, a dead server or a new device of a contact
 * only delays it.
 */
import * as z from 'zod/mini';
import { claimsUnderWay, wantClaim } from '../engine/claims.ts';
import { awaitsQuery, track } from '../engine/directory.ts';
import { deviceName, type Op } from '../engine/op.ts';
import {
  hasSession,
  peerOf,
  sealFor,
  type InnerEvent,
  type PairwiseContent,
} from '../engine/pairwise-channel.ts';
import { USERS } from '../engine/tables.ts';
import { sendToDevices } from '../engine/to-device.ts';
import { trustedDevices, type DeviceRecord } from '../identity/user-record.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { toHex } from '../primitives/bytes.ts';
import { sha256 } from '../primitives/hash.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { Secret } from '../primitives/secret.ts';
import { PROFILE_KEY_BYTES, type ProfileKey } from './blob.ts';
import { INVITE_BYTES } from './invite-code.ts';
import { putKey } from './own-key.ts';
import { ASKS, CONTACTS, INVITES, KEY_MARKS, PROFILE_KEYS, type Contact } from './tables.ts';

export const PROFILE_KEY_TYPE = `${NAMESPACE}.profile_key`;
export const PROFILE_INVITE_TYPE = `${NAMESPACE}.profile_invite`;

/** Devices that one operation encrypts for, at about 0.2 ms each; the rest have their turn in the next. */
const DEVICES_PER_STEP = 16;
export const MAX_CONTACTS = 5_000;

type Messages = Record<string, Record<string, PairwiseContent>>;
/** What is left of a step's work. */
type Step = { left: number; more: boolean; readonly messages: Messages; readonly mayClaim: boolean };

const slotOf = (device: DeviceRecord): string => `${device.deviceId}|${device.curve25519}`;

/** Encrypts for the devices that have not had it; returns those that have it now, past and gone ones left out. */
function sendMissing(
  op: Op,
  step: Step,
  userId: string,
  done: (device: DeviceRecord) => boolean,
  inner: () => InnerEvent,
): DeviceRecord[] {
  track(op, userId);
  if (awaitsQuery(op, userId)) return [];
  const reached: DeviceRecord[] = [];
  for (const device of trustedDevices(op.tx.get(USERS, userId))) {
    if (userId === op.self.userId && device.deviceId === op.self.deviceId) continue;
    if (done(device)) continue;
    const peer = peerOf(userId, device);
    if (!hasSession(op, peer)) {
      if (step.mayClaim) wantClaim(op, deviceName(userId, device.deviceId));
      continue;
    }
    if (step.left === 0) {
      step.more = true;
      return reached;
    }
    const sealed = sealFor(op, peer, inner());
    if (sealed === undefined) continue;
    step.left -= 1;
    step.messages[userId] = { ...step.messages[userId], [device.deviceId]: sealed };
    reached.push(device);
  }
  return reached;
}

/** Sends what is due. Called after every operation; costs two look-ups while profiles are not used. */
export function stepProfiles(op: Op): void {
  const mark = op.tx.get(KEY_MARKS, op.self.userId);
  const asks = op.tx.entries(ASKS);
  if (mark === undefined && asks.length === 0) return;
  const step: Step = {
    ...{ left: DEVICES_PER_STEP, more: false, messages: {} },
    // One that is under way would be asked for again, and a claim burns a key.
    mayClaim: !claimsUnderWay(op),
  };
  if (mark !== undefined) handOut(op, step, mark.version, mark.time);
  for (const [userId, ask] of asks) {
    const inner = { type: PROFILE_INVITE_TYPE, content: { invite: ask.invite } };
    const reached = sendMissing(
      op,
      step,
      userId,
      (device) => ask.sent.includes(slotOf(device)),
      () => inner,
    );
    if (ask.until <= op.now) op.tx.delete(ASKS, userId);
    else if (reached.length > 0)
      op.tx.put(ASKS, userId, { ...ask, sent: [...ask.sent, ...reached.map(slotOf)] });
  }
  if (Object.keys(step.messages).length > 0)
    sendToDevices(op, 'm.room.encrypted', step.messages, { for: 'toDevice' });
  pending.set(op.memory, step.more);
}

function handOut(op: Op, step: Step, version: string, time: number): void {
  let inner: InnerEvent | undefined;
  const share = (): InnerEvent => (inner ??= makeShare(op, time));
  const everybody = [[op.self.userId, op.tx.get(CONTACTS, op.self.userId)] as const, ...contacts(op)];
  for (const [userId, contact = { sent: {} }] of everybody) {
    const has = (device: DeviceRecord): boolean => contact.sent[slotOf(device)] === version;
    const reached = sendMissing(op, step, userId, has, share);
    if (reached.length === 0) continue;
    const current = new Set(trustedDevices(op.tx.get(USERS, userId)).map(slotOf));
    const kept = Object.entries(contact.sent).filter(([slot]) => current.has(slot));
    const fresh = reached.map((device) => [slotOf(device), version] as const);
    op.tx.put(CONTACTS, userId, { sent: Object.fromEntries([...kept, ...fresh]) });
  }
}

/** Runs whose last step left something over: not stored, the next step finds it by itself. */
const pending = new WeakMap<Op['memory'], boolean>();

/** When the next step is due, or undefined. */
export const nextProfiles = (op: Op): number | undefined =>
  pending.get(op.memory) === true ? op.now + 1 : undefined;

/** The contacts but for ourselves, whose other devices are kept in the same table. */
export const contacts = (op: Op): [string, Contact][] =>
  op.tx.entries(CONTACTS).filter(([userId]) => userId !== op.self.userId);

/** From now on this user gets our key, and the keys that replace it. False when there are too many. */
export function addContact(op: Op, userId: string): boolean {
  if (userId === op.self.userId || op.tx.get(CONTACTS, userId) !== undefined) return true;
  if (op.tx.entries(CONTACTS).length >= MAX_CONTACTS) return false;
  op.tx.put(CONTACTS, userId, { sent: {} });
  return true;
}

function makeShare(op: Op, time: number): InnerEvent {
  const key = op.tx.get(PROFILE_KEYS, op.self.userId);
  const text = key === undefined ? '' : toBase64(key.expose());
  return { type: PROFILE_KEY_TYPE, content: { user: op.self.userId, key: text, time } };
}

// --- receiving --------------------------------------------------------------------------------------------------

const shareSchema = z.object({
  user: z.string().check(z.maxLength(255)),
  key: z.string().check(z.length(43)),
  time: z.number().check(z.int(), z.minimum(0), z.maximum(Number.MAX_SAFE_INTEGER)),
});

/** Takes a key out of a frame of a cross-signed device of `sender`. Nobody hands out another's key. */
export function takeProfileKey(op: Op, sender: string, content: unknown): void {
  const parsed = shareSchema.safeParse(content);
  if (!parsed.success || parsed.data.user !== sender) return;
  const key = readKey(parsed.data.key);
  if (key === undefined) return;
  if (putKey(op, sender, key, parsed.data.time)) op.notices.push({ kind: 'profileKey', userId: sender });
}

function readKey(text: string): ProfileKey | undefined {
  try {
    const bytes = fromBase64(text);
    return bytes.length === PROFILE_KEY_BYTES ? Secret.take('profile-key', bytes) : undefined;
  } catch {
    return undefined;
  }
}

export const inviteHash = (invite: Uint8Array): string => toHex(sha256(invite));

const inviteSchema = z.object({ invite: z.string().check(z.length(22)) });

/** Somebody scanned a code of ours: becomes a contact, once per code. */
export function takeInvite(op: Op, sender: string, content: unknown): void {
  const parsed = inviteSchema.safeParse(content);
  if (!parsed.success) return;
  let hash: string;
  try {
    const invite = fromBase64(parsed.data.invite);
    if (invite.length !== INVITE_BYTES) return;
    hash = inviteHash(invite);
  } catch {
    return;
  }
  const until = op.tx.get(INVITES, hash);
  if (until === undefined) return;
  op.tx.delete(INVITES, hash);
  if (until <= op.now || !addContact(op, sender)) return;
  op.notices.push({ kind: 'profileInvite', userId: sender });
}
