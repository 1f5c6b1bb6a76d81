/** Claims prekeys for devices that we have no session with. A plain claim is never repeated: each burns a key. */
import * as z from 'zod/mini';
import { isTrustedDevice } from '../identity/user-record.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { OTPK_ALGORITHM, SPK_ALGORITHM } from '../primitives/names.ts';
import type { ClaimedKeys } from '../prekeys/bundle.ts';
import type { PeerDevice } from '../pairwise/device.ts';
import { linkBinding, linkHandedOver, linkSecrets } from './link-state.ts';
import { splitDeviceName, type Op } from './op.ts';
import { hasSession, mayOpen, openFromClaim, peerOf, sealFor } from './pairwise-channel.ts';
import type { ClaimedByUser, Purpose } from './purpose.ts';
import { backOff, clearBackOff, isBackedOff, isInFlight, request } from './requests.ts';
import { USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';

const DEVICES_PER_CLAIM = 100;
/** Our server's claim with several algorithms a device (MSC3983's shape), in one transaction. */
const COMBINED_PATH = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const STANDARD_PATH = '/_matrix/client/v3/keys/claim';
const subject = (name: string): string => `claim ${name}`;

/**
 * Wants a session with a device (`user|device`); false when its claim failed lately or an hour has not passed since the
 * last session.
 */
export function wantClaim(op: Op, name: string): boolean {
  if (isBackedOff(op, subject(name))) return false;
  const [userId, deviceId] = splitDeviceName(name);
  const device = op.tx.get(USERS, userId)?.devices[deviceId];
  if (device === undefined || !mayOpen(op, peerOf(userId, device))) return false;
  op.memory.wantClaim.add(name);
  return true;
}

export const claimsUnderWay = (op: Op): boolean =>
  op.memory.wantClaim.size > 0 || isInFlight(op, (purpose) => purpose.for === 'keysClaim');

/** Asks for the wanted devices: one-time and signed prekey in one call where the server knows it. */
export function requestClaims(op: Op): void {
  if (op.memory.wantClaim.size === 0 || isInFlight(op, (purpose) => purpose.for === 'keysClaim')) return;
  const devices = [...op.memory.wantClaim].slice(0, DEVICES_PER_CLAIM);
  for (const name of devices) op.memory.wantClaim.delete(name);
  send(op, devices, op.memory.standardClaims ? 'oneTime' : 'combined', {});
}

type Stage = 'combined' | 'oneTime' | 'signed';

function send(op: Op, devices: readonly string[], stage: Stage, partial: ClaimedByUser): void {
  const algorithms = {
    combined: [OTPK_ALGORITHM, SPK_ALGORITHM],
    oneTime: OTPK_ALGORITHM,
    signed: SPK_ALGORITHM,
  };
  const wanted: Record<string, Record<string, string | string[]>> = {};
  for (const name of devices) {
    const [userId, deviceId] = splitDeviceName(name);
    wanted[userId] = { ...wanted[userId], [deviceId]: algorithms[stage] };
  }
  const standard = { one_time_keys: wanted };
  const combined = stage === 'combined';
  request(
    op,
    {
      kind: 'keysClaim',
      method: 'POST',
      path: combined ? COMBINED_PATH : STANDARD_PATH,
      body: combined ? { ...standard, txn_id: `c${op.memory.boot}${op.memory.nextRequest}` } : standard,
    },
    { for: 'keysClaim', devices, stage, partial },
  );
}

const keyObjects = z.record(z.string(), z.unknown());
const claimAnswer = z.object({
  one_time_keys: z._default(z.record(z.string(), z.record(z.string(), keyObjects)), {}),
});

type ClaimPurpose = Extract<Purpose, { readonly for: 'keysClaim' }>;

/** Opens the sessions that an answer allows; devices that were not served, or badly, are left alone for a while. */
export function receiveClaim(op: Op, purpose: ClaimPurpose, response: unknown): void {
  const parsed = claimAnswer.safeParse(response);
  const answered = parsed.success ? parsed.data.one_time_keys : {};
  if (purpose.stage === 'oneTime') {
    send(op, purpose.devices, 'signed', answered);
    return;
  }
  for (const name of purpose.devices) {
    const [userId, deviceId] = splitDeviceName(name);
    const claimed = { ...purpose.partial[userId]?.[deviceId], ...answered[userId]?.[deviceId] };
    if (openSession(op, userId, deviceId, claimed)) clearBackOff(op, subject(name));
    else backOff(op, subject(name));
  }
}

/** Whether there is a session with the device afterwards. */
function openSession(op: Op, userId: string, deviceId: string, claimed: ClaimedKeys): boolean {
  const user = op.tx.get(USERS, userId);
  const device = user?.devices[deviceId];
  if (device === undefined || !isTrustedDevice(user, device)) return false;
  const peer = peerOf(userId, device);
  const binding = linkBinding(op, peer);
  // The peer may have started one while we asked.
  if (hasSession(op, peer) && binding === undefined) return true;
  const attempt = op.tx.nested();
  try {
    openFromClaim({ ...op, tx: attempt }, peer, claimed, binding);
    op.tx.merge(attempt);
    if (binding !== undefined) handOver(op, peer);
    return true;
  } catch (error) {
    // A bundle that does not hold: no session, and healing's texts tell the user.
    if (!isCryptoError(error)) throw error;
    if (binding !== undefined) linkHandedOver(op, false);
    return false;
  }
}

/** Linking: the device's session is there, the secrets are its first message. */
function handOver(op: Op, peer: PeerDevice): void {
  const sealed = sealFor(op, peer, linkSecrets(op));
  if (sealed !== undefined) {
    const messages = { [peer.userId]: { [peer.deviceId]: sealed } };
    sendToDevices(op, 'm.room.encrypted', messages, { for: 'toDevice' });
  }
  linkHandedOver(op, sealed !== undefined);
}

/** The claim failed for good or for now. A server that does not know the combined call is asked the standard way. */
export function claimFailed(op: Op, { devices, stage }: ClaimPurpose, status: number): void {
  if (stage === 'combined' && (status === 404 || status === 405 || status === 400)) {
    op.memory.standardClaims = true;
    send(op, devices, 'oneTime', {});
    return;
  }
  for (const name of devices) {
    backOff(op, subject(name));
    const [userId, deviceId] = splitDeviceName(name);
    const device = op.tx.get(USERS, userId)?.devices[deviceId];
    // The user is looking at the code: better to try again than to wait for the server.
    if (device !== undefined && linkBinding(op, peerOf(userId, device)) !== undefined)
      linkHandedOver(op, false);
  }
}
