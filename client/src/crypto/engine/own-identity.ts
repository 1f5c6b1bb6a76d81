/** Our own cross-signing keys (spec: cross-signing): made once, uploaded, and used to sign this device. */
import { signJson } from '../identity/signed-json.ts';
import { emptyUser } from '../identity/user-record.ts';
import { toBase64 } from '../primitives/base64.ts';
import { ed25519FromSeed, ed25519Seed, generateEd25519, type Ed25519KeyPair } from '../primitives/ed25519.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import { markOutdated, track } from './directory.ts';
import { EngineError } from './engine-error.ts';
import type { Op } from './op.ts';
import { deviceKeysBody, putSecret } from './own-device.ts';
import { isPublished } from './prekey-store.ts';
import type { IdentityStatus } from './protocol/identity.ts';
import { isBackedOff, isInFlight, request } from './requests.ts';
import { storeSecrets } from './store-secrets.ts';
import { SECRETS, USERS, type SecretName } from './tables.ts';

type IdentityState = {
  /** Public master key we hold the private half of, or learned from our other device. */
  readonly master: string | undefined;
  readonly keysUploaded: boolean;
  /** The device's cross-signature was uploaded. */
  readonly deviceSigned: boolean;
  /** `foreign`: the account's backup is another client's, and stays so until the user says otherwise. */
  readonly backup: 'none' | 'active' | 'locked' | 'foreign';
};
const STATE: Table<IdentityState> = jsonTable('identity');
const NAME = 'own';
const FRESH: IdentityState = { master: undefined, keysUploaded: false, deviceSigned: false, backup: 'none' };

export const readIdentity = (op: Op): IdentityState => op.tx.get(STATE, NAME) ?? FRESH;
export const writeIdentity = (op: Op, change: Partial<IdentityState>): void =>
  op.tx.put(STATE, NAME, { ...readIdentity(op), ...change });

type CrossSigningName = Extract<SecretName, 'master' | 'self_signing' | 'user_signing'>;

/** One of our cross-signing keys, or undefined while this device does not hold it. The caller wipes it. */
export function crossSigningKey(op: Op, name: CrossSigningName): Ed25519KeyPair | undefined {
  const seed = op.tx.get(SECRETS, name);
  return seed === undefined ? undefined : ed25519FromSeed(seed.expose());
}

/**
 * Makes the three keys, once it is known that the account has none yet: others must not be overwritten. Throws
 * WRONG_PHASE when it has: restore or link instead.
 */
export function bootstrapStep(op: Op): 'wait' | Record<string, never> {
  if (op.tx.get(SECRETS, 'master') !== undefined) return {};
  const own = track(op, op.self.userId);
  if (own.outdated > 0) return 'wait';
  if (own.pinned !== undefined)
    throw new EngineError('WRONG_PHASE', 'the account has cross-signing keys: restore or link');
  for (const name of ['master', 'self_signing', 'user_signing'] as const) {
    const pair = generateEd25519(op.random);
    putSecret(op.tx, name, ed25519Seed(pair.secret));
  }
  adoptMaster(op);
  storeSecrets(op);
  return {};
}

/** Pins our own master key from the private half we hold. */
export function adoptMaster(op: Op): void {
  const master = crossSigningKey(op, 'master');
  if (master === undefined) return;
  const key = toBase64(master.public);
  const own = op.tx.get(USERS, op.self.userId) ?? emptyUser(op.self.userId);
  op.tx.put(USERS, op.self.userId, {
    ...own,
    tracked: true,
    outdated: own.outdated + 1,
    pinned: key,
    offered: undefined,
    verified: true,
  });
  writeIdentity(op, { master: key });
}

/** Uploads what is not uploaded yet. Called after every operation. */
export function maintainIdentity(op: Op): void {
  const state = readIdentity(op);
  if (state.master === undefined || !isPublished(op)) return;
  if (!state.keysUploaded) {
    uploadKeys(op);
    return;
  }
  if (!state.deviceSigned) signOwnDevice(op);
}

type CrossSigningBody = {
  readonly user_id: string;
  readonly usage: readonly string[];
  readonly keys: Readonly<Record<string, string>>;
};

const keyBody = (userId: string, usage: string, pair: Ed25519KeyPair): CrossSigningBody => {
  const key = toBase64(pair.public);
  return { user_id: userId, usage: [usage], keys: { [`ed25519:${key}`]: key } };
};

function uploadKeys(op: Op): void {
  if (isBackedOff(op, 'deviceSigning') || isInFlight(op, (p) => p.for === 'deviceSigning')) return;
  const [master, selfSigning, userSigning] = [
    crossSigningKey(op, 'master'),
    crossSigningKey(op, 'self_signing'),
    crossSigningKey(op, 'user_signing'),
  ];
  if (master === undefined || selfSigning === undefined || userSigning === undefined) return;
  const { userId, deviceId } = op.self;
  const masterId = `ed25519:${toBase64(master.public)}`;
  const body = {
    // Signed by the device too, so that our other clients can trace it.
    master_key: signJson(
      keyBody(userId, 'master', master),
      userId,
      `ed25519:${deviceId}`,
      op.self.ed25519.secret,
    ),
    self_signing_key: signJson(keyBody(userId, 'self_signing', selfSigning), userId, masterId, master.secret),
    user_signing_key: signJson(keyBody(userId, 'user_signing', userSigning), userId, masterId, master.secret),
  };
  const path = '/_matrix/client/v3/keys/device_signing/upload';
  request(
    op,
    { kind: 'deviceSigning', method: 'POST', path, body, auth: 'interactive' },
    { for: 'deviceSigning' },
  );
}

function signOwnDevice(op: Op): void {
  if (isBackedOff(op, 'signatures') || isInFlight(op, (p) => p.for === 'signatures')) return;
  const selfSigning = crossSigningKey(op, 'self_signing');
  if (selfSigning === undefined) return;
  const { userId, deviceId } = op.self;
  const keyId = `ed25519:${toBase64(selfSigning.public)}`;
  const signed = signJson(deviceKeysBody(op.self), userId, keyId, selfSigning.secret);
  const path = '/_matrix/client/v3/keys/signatures/upload';
  const body = { [userId]: { [deviceId]: signed } };
  request(op, { kind: 'signatures', method: 'POST', path, body }, { for: 'signatures' });
}

export function keysUploaded(op: Op): void {
  writeIdentity(op, { keysUploaded: true });
  markOutdated(op, op.self.userId);
}

export function deviceSignatureUploaded(op: Op): void {
  writeIdentity(op, { deviceSigned: true });
  markOutdated(op, op.self.userId);
  op.notices.push({ kind: 'identityStatus', status: identityStatus(op) });
}

export function identityStatus(op: Op): IdentityStatus {
  const own = op.tx.get(USERS, op.self.userId);
  const held = op.tx.get(SECRETS, 'self_signing') !== undefined;
  const exists = held || own?.pinned !== undefined;
  return {
    crossSigning: held ? 'ready' : exists ? 'locked' : 'none',
    deviceSigned: own?.devices[op.self.deviceId]?.crossSignature !== undefined,
    backup: readIdentity(op).backup,
    masterKey: own?.pinned,
  };
}
