/** Hands an epoch's key to many devices in slices, so that neither the worker nor the page ever stalls. */
import type { EpochRecord } from '../group/epoch-record.ts';
import { isTrustedDevice } from '../identity/user-record.ts';
import { claimsUnderWay, wantClaim } from './claims.ts';
import { makeShare } from './key-share.ts';
import { deviceName, splitDeviceName, type Op } from './op.ts';
import { peerOf, sealFor, type InnerEvent, type PairwiseContent } from './pairwise-channel.ts';
import { PLAN_PARTS, PLANS } from './sending-slot.ts';
import { EPOCHS, USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';

/** Devices per slice: about 0.2 ms each. */
const DEVICES_PER_SLICE = 16;
/** Devices per record of the plan: few records are made at once, and little is rewritten after each slice. */
const DEVICES_PER_PART = 256;

/** Plans the hand-out of generation `g` to these devices (`user|device`), our own left out. */
export function startPlan(op: Op, record: EpochRecord, g: number, devices: readonly string[]): void {
  const roomId = record.epoch.room;
  const own = deviceName(op.self.userId, op.self.deviceId);
  const others = devices.filter((name) => name !== own);
  const known = op.tx.get(PLANS, roomId);
  const kept = known?.kid === record.kid && known.g === g ? known : undefined;
  const parts = [...(kept?.parts ?? [])];
  for (let at = 0; at < others.length; at += DEVICES_PER_PART) {
    const name = `${record.kid}|${g}|${at}`;
    op.tx.put(PLAN_PARTS, name, others.slice(at, at + DEVICES_PER_PART));
    parts.push(name);
  }
  // An older plan of the same epoch that is not done yet hands out a lower generation: it goes on first.
  const earlier = known !== undefined && kept === undefined && known.kid === record.kid ? known : undefined;
  op.tx.put(PLANS, roomId, {
    roomId,
    kid: record.kid,
    g,
    parts: [...(earlier?.parts ?? []), ...parts],
    unclaimed: [...(earlier?.unclaimed ?? []), ...(kept?.unclaimed ?? [])],
  });
}

/** Notes, together with a fresh epoch, that its roster has to be given the key; the parts follow in another slice. */
export function planEpoch(op: Op, { kid, epoch }: EpochRecord): void {
  op.tx.put(PLANS, epoch.room, {
    ...{ roomId: epoch.room, kid, g: 0, parts: [], unclaimed: [] },
    unplanned: true,
  });
}

/** The parts of a plan that was made with its epoch. */
function writeParts(op: Op, record: EpochRecord): 'again' {
  op.tx.delete(PLANS, record.epoch.room);
  const devices = Object.entries(record.roster ?? {}).flatMap(([userId, own]) =>
    Object.keys(own).map((deviceId) => deviceName(userId, deviceId)),
  );
  startPlan(op, record, 0, devices);
  return 'again';
}

/** One slice: the shares of a few devices go to the outbox. */
export function workOnPlan(op: Op, roomId: string): 'again' | 'wait' {
  const plan = op.tx.get(PLANS, roomId);
  const record = plan === undefined ? undefined : op.tx.get(EPOCHS, plan.kid);
  if (plan === undefined || record === undefined) return 'again';
  if (plan.unplanned === true) return writeParts(op, record);
  const part = plan.parts[0];
  if (part !== undefined) {
    const names = op.tx.get(PLAN_PARTS, part) ?? [];
    const later = names.slice(DEVICES_PER_SLICE);
    const left = share(op, record, part, names.slice(0, DEVICES_PER_SLICE));
    for (const name of left) wantClaim(op, name);
    if (later.length > 0) op.tx.put(PLAN_PARTS, part, later);
    else op.tx.delete(PLAN_PARTS, part);
    const late = `${part}|${later.length}`;
    if (left.length > 0) op.tx.put(PLAN_PARTS, late, left);
    op.tx.put(PLANS, roomId, {
      ...plan,
      parts: later.length > 0 ? plan.parts : plan.parts.slice(1),
      unclaimed: left.length > 0 ? [...plan.unclaimed, late] : plan.unclaimed,
    });
    return 'again';
  }
  if (claimsUnderWay(op)) return 'wait';
  // Claims are answered or failed: whoever still has no session is left to healing.
  const late = plan.unclaimed[0];
  if (late !== undefined) {
    const left = share(op, record, late, op.tx.get(PLAN_PARTS, late) ?? []);
    // After a restart nobody has asked yet: what was wanted was kept in memory only.
    const wanted = left.filter((name) => wantClaim(op, name));
    if (wanted.length > 0) {
      op.tx.put(PLAN_PARTS, late, wanted);
      return 'wait';
    }
    op.tx.delete(PLAN_PARTS, late);
    op.tx.put(PLANS, roomId, { ...plan, unclaimed: plan.unclaimed.slice(1) });
    return 'again';
  }
  op.tx.delete(PLANS, roomId);
  return 'again';
}

/** Encrypts for these devices the generation that the part's name tells; returns those without a session. */
function share(op: Op, record: EpochRecord, part: string, names: readonly string[]): string[] {
  const g = Number(part.split('|')[1] ?? 0);
  const inner = makeShare(record, Math.max(g, record.g));
  const messages: Record<string, Record<string, PairwiseContent>> = {};
  const left: string[] = [];
  for (const name of names) {
    const sealed = sealForName(op, name, inner);
    if (sealed === 'no-session') left.push(name);
    if (typeof sealed === 'string') continue;
    const [userId, deviceId] = splitDeviceName(name);
    messages[userId] = { ...messages[userId], [deviceId]: sealed };
  }
  if (Object.keys(messages).length > 0)
    sendToDevices(op, 'm.room.encrypted', messages, { for: 'toDevice', kid: record.kid });
  return left;
}

function sealForName(op: Op, name: string, inner: InnerEvent): PairwiseContent | 'gone' | 'no-session' {
  const [userId, deviceId] = splitDeviceName(name);
  const user = op.tx.get(USERS, userId);
  const device = user?.devices[deviceId];
  if (device === undefined || !isTrustedDevice(user, device)) return 'gone';
  return sealFor(op, peerOf(userId, device), inner) ?? 'no-session';
}
