/**
 * Linking a device (e2ee.md section 1): the new one shows a QR code with its two public keys and a one-time secret, the
 * old one scans it, cross-signs it, opens a pairwise session whose handshake is bound to that secret, and hands over
 * the cross-signing secrets with the keys of secret storage and backup. The camera carries the authenticity: neither
 * side believes the server about the other.
 */
import type { DeviceRecord } from '../identity/user-record.ts';
import {
  decodeLinkCode,
  encodeLinkCode,
  LINK_LIFETIME_MS,
  LINK_SECRET_BYTES,
  type LinkCode,
  type Linking,
} from '../identity/link-code.ts';
import { QrError } from '../identity/verification/qr-code.ts';
import type { PeerDevice } from '../pairwise/device.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { toHex } from '../primitives/bytes.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { Secret } from '../primitives/secret.ts';
import { track } from './directory.ts';
import { EngineError } from './engine-error.ts';
import { failLink, HANDED_OVER, moveLink } from './link-state.ts';
import { deviceName, type Op } from './op.ts';
import { putSecret } from './own-device.ts';
import { adoptMaster, writeIdentity } from './own-identity.ts';
import type { LinkingState } from './protocol/flows.ts';
import { restoreStep } from './recovery.ts';
import { SECRETS, USERS, type SecretName } from './tables.ts';
import { signDevice } from './verification.ts';

/** New device: makes the code to show. A code shown before is void. */
export function startLinking(op: Op): { readonly payload: Uint8Array } {
  if (op.tx.get(SECRETS, 'self_signing') !== undefined)
    throw new EngineError('WRONG_PHASE', 'this device holds the identity already');
  op.memory.linking?.secret.wipe();
  const secret = Secret.take('link', op.random(LINK_SECRET_BYTES));
  const { userId, deviceId, ed25519, x25519 } = op.self;
  const payload = encodeLinkCode(
    { userId, deviceId, ed25519: ed25519.public, x25519: x25519.public },
    secret,
  );
  moveLink(op, { role: 'new', secret, startedAt: op.now, phase: 'showing', bound: new Set() });
  return { payload };
}

const readCode = (payload: Uint8Array): LinkCode => {
  try {
    return decodeLinkCode(payload);
  } catch (error) {
    if (error instanceof QrError) throw new EngineError('BAD_QR', error.message);
    throw error;
  }
};

/** Old device: the user scanned the code and means it. */
export function approveLinking(op: Op, payload: Uint8Array): LinkingState {
  if (op.tx.get(SECRETS, 'self_signing') === undefined) throw new EngineError('IDENTITY_MISSING');
  const { device, secret } = readCode(payload);
  if (device.userId !== op.self.userId || device.deviceId === op.self.deviceId)
    throw new EngineError('BAD_QR', 'not a device of this account');
  op.memory.linking?.secret.wipe();
  track(op, op.self.userId);
  const linking: Linking = {
    ...{ role: 'old', secret, device, signed: false },
    ...{ startedAt: op.now, phase: 'found' },
  };
  const state = moveLink(op, linking);
  stepLinking(op);
  return state;
}

/** Drives a link on. Called with every operation. */
export function stepLinking(op: Op): void {
  const { linking } = op.memory;
  if (linking === undefined) return;
  if (op.now - linking.startedAt >= LINK_LIFETIME_MS) {
    failLink(op, linking, 'm.timeout');
    return;
  }
  if (linking.role === 'old') stepOld(op, linking);
  else if (linking.phase === 'receiving') stepRestore(op, linking);
}

/** When a link under way ends by itself (ms). */
export const nextLinkEnd = (op: Op): number | undefined =>
  op.memory.linking === undefined ? undefined : op.memory.linking.startedAt + LINK_LIFETIME_MS;

type OldSide = Extract<Linking, { readonly role: 'old' }>;
type NewSide = Extract<Linking, { readonly role: 'new' }>;

const isScanned = (device: DeviceRecord, { ed25519, x25519 }: PeerDevice): boolean =>
  device.ed25519 === toBase64(ed25519) && device.curve25519 === toBase64(x25519);

/** Waits for the device in our list, signs it, and then wants the bound session. */
function stepOld(op: Op, linking: OldSide): void {
  const user = op.tx.get(USERS, op.self.userId);
  const { deviceId } = linking.device;
  const device = user?.devices[deviceId];
  if (user === undefined || device === undefined) return;
  if (!isScanned(device, linking.device)) {
    failLink(op, linking, 'm.key_mismatch');
    return;
  }
  if (device.crossSignature !== undefined) {
    op.memory.wantClaim.add(deviceName(op.self.userId, deviceId));
    // Asked for once: from here the claim's answer leads on.
    if (linking.phase === 'found') moveLink(op, { ...linking, phase: 'receiving' });
    else op.memory.wantClaim.delete(deviceName(op.self.userId, deviceId));
    return;
  }
  if (linking.signed) return;
  signDevice(op, user, deviceId);
  op.memory.linking = { ...linking, signed: true };
}

const readSecret = (secrets: unknown, name: SecretName): Secret<'stored'> | undefined => {
  if (typeof secrets !== 'object' || secrets === null || !Object.hasOwn(secrets, name)) return undefined;
  const text = (secrets as Readonly<Record<string, unknown>>)[name];
  if (typeof text !== 'string' || text.length !== 43) return undefined;
  try {
    return Secret.take('stored', fromBase64(text));
  } catch (error) {
    if (!isCryptoError(error)) throw error;
    return undefined;
  }
};

/** New device: takes the secrets, if they came over a session bound to the code that it shows. */
export function takeLinkSecrets(
  op: Op,
  sender: string,
  sid: Uint8Array,
  content: Readonly<Record<string, unknown>>,
): void {
  const { linking } = op.memory;
  if (linking?.role !== 'new' || linking.phase !== 'showing') return;
  if (sender !== op.self.userId || !linking.bound.has(toHex(sid))) return;
  const found = HANDED_OVER.map((name) => [name, readSecret(content.secrets, name)] as const);
  if (found.slice(0, 3).some(([, secret]) => secret === undefined)) {
    failLink(op, linking, 'm.invalid_message');
    return;
  }
  for (const [name, secret] of found) {
    if (secret !== undefined) putSecret(op.tx, name, secret);
    secret?.wipe();
  }
  // Whatever the server has shown until now: the master key is the one that came through the camera.
  adoptMaster(op);
  writeIdentity(op, { keysUploaded: true, deviceSigned: false });
  moveLink(op, { ...linking, phase: 'receiving' });
}

/** New device: fetches the epoch keys with the keys it was given. */
function stepRestore(op: Op, linking: NewSide): void {
  try {
    for (let i = 0; i < 4; i++) {
      const step = restoreStep(op);
      if (step === 'wait') return;
      if (step === 'again') continue;
      moveLink(op, { ...linking, phase: 'done' });
      op.notices.push({ kind: 'identityStatus', status: step.status });
      return;
    }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    // Nothing to restore: the identity is here all the same.
    moveLink(op, { ...linking, phase: 'done' }, error.code);
  }
}
