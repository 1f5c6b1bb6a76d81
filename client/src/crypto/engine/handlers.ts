/** Operations that are one synchronous step of the engine, by name. */
import { encodeRecoveryKey } from '../identity/recovery-key.ts';
import { emptyUser, isCapable, trustOf } from '../identity/user-record.ts';
import { profileHandlers, type AvatarOp } from '../profiles/handlers.ts';
import { wordsToSeed } from '../../vault/recovery-words.ts';
import { equalBytes } from '../primitives/bytes.ts';
import { decryptEvent } from './group-receive.ts';
import { SENT } from './group-send.ts';
import { askAgain } from './healing.ts';
import { replaceBackup } from './recovery.ts';
import { approveLinking, startLinking } from './linking.ts';
import type { Op } from './op.ts';
import { identityStatus } from './own-identity.ts';
import {
  clearSecrets,
  createSecret,
  forgetSecret,
  listSecrets,
  scanSecret,
  secretCode,
} from './plugin-secrets.ts';
import type { EngineOp, EngineResults, ParsedArgs } from './protocol.ts';
import type { UserIdentity } from './protocol/identity.ts';
import { departureNamed, roomStatus, signMembership, vouch } from './rooms.ts';
import { processSync, requestDone, requestFailed } from './sync-in.ts';
import { EPOCHS, SECRETS, USERS } from './tables.ts';
import {
  acceptVerification,
  cancelVerification,
  confirmEmoji,
  confirmScanned,
  scanCode,
  showCode,
  startEmoji,
  startVerification,
} from './verification.ts';
import { seedToWords } from '../../vault/recovery-words.ts';
import { Secret } from '../primitives/secret.ts';

/** Those that the host does itself, because they open, close or wait. */
type HostOp =
  | 'status'
  | 'createVault'
  | 'unlock'
  | 'unlockWithWords'
  | 'lock'
  | 'changePassphrase'
  | 'destroyVault'
  | 'pendingRequests'
  | 'encryptEvent'
  | 'prepareRoom'
  | 'bootstrapIdentity'
  | 'restoreIdentity'
  | 'localPut'
  | 'localGet'
  | 'localList'
  | 'localClear'
  | 'encryptAttachment'
  | 'decryptAttachment'
  | AvatarOp
  | 'secretSeal'
  | 'secretOpen'
  | 'secretShare'
  | 'deviceSend';
export type HandledOp = Exclude<EngineOp, HostOp>;

type Handlers = { readonly [Name in HandledOp]: (op: Op, args: ParsedArgs<Name>) => EngineResults[Name] };

export const handlers: Handlers = {
  secretCreate: (op, { plugin, name }) => createSecret(op, plugin, name),
  secretList: (op, { plugin }) => ({ secrets: listSecrets(op, plugin) }),
  secretForget: (op, { plugin, handle }) => {
    forgetSecret(op, plugin, handle);
    return {};
  },
  secretClear: (op, { plugin }) => {
    clearSecrets(op, plugin);
    return {};
  },
  secretCode: (op, { plugin, handle }) => secretCode(op, plugin, handle),
  secretScan: (op, { plugin, name, payload }) => scanSecret(op, plugin, name, payload),
  recoveryWords: (op) => {
    const seed = op.tx.get(SECRETS, 'seed');
    if (seed === undefined) return { words: undefined };
    return { words: seedToWords(Secret.copy('master-seed', seed.expose())) };
  },
  confirmWords: (op, { words }) => {
    const seed = op.tx.get(SECRETS, 'seed');
    if (seed === undefined) return { match: true };
    using given = wordsToSeed(words);
    const match = equalBytes(given.expose(), seed.expose());
    // Shown once: from now on the words exist only where the user wrote them.
    if (match) op.tx.delete(SECRETS, 'seed');
    return { match };
  },
  recoveryKey: (op) => {
    const storage = op.tx.get(SECRETS, 'storage');
    return { recoveryKey: storage === undefined ? undefined : encodeRecoveryKey(storage) };
  },
  identityStatus: (op) => identityStatus(op),
  replaceBackup: (op) => {
    replaceBackup(op);
    return {};
  },
  userIdentity: (op, { userId }) => userIdentity(op, userId),
  acceptIdentityChange: (op, { userId, masterKey }) => {
    const user = op.tx.get(USERS, userId);
    if (user?.offered === masterKey)
      op.tx.put(USERS, userId, {
        ...user,
        ...{ pinned: masterKey, offered: undefined, verified: false, outdated: user.outdated + 1 },
      });
    return userIdentity(op, userId);
  },
  signMembership: (op, { roomId, membership, target }) => ({
    content: signMembership(op, roomId, membership, target),
  }),
  vouchMember: (op, { roomId, target }) => {
    vouch(op, roomId, target);
    return {};
  },
  processSync: (op, sync) => {
    processSync(op, sync);
    return { nextBatch: sync.nextBatch };
  },
  requestDone: (op, { id, response }) => {
    requestDone(op, id, response);
    return {};
  },
  requestFailed: (op, { id, status, errcode }) => {
    requestFailed(op, id, { status, errcode });
    return {};
  },
  roomStatus: (op, { roomId }) => roomStatus(op, roomId),
  eventSent: (op, { roomId, txnId }) => {
    op.tx.delete(SENT, `${roomId}|${txnId}`);
    return {};
  },
  eventStale: (op, { roomId, txnId, departure }) => {
    const name = `${roomId}|${txnId}`;
    const kid = op.tx.get(SENT, name)?.content.kid;
    const record = kid === undefined ? undefined : op.tx.get(EPOCHS, kid);
    // Whatever we made of its place among the departures: it is not the newest.
    if (record !== undefined) op.tx.put(EPOCHS, record.kid, { ...record, full: true });
    op.tx.delete(SENT, name);
    departureNamed(op, roomId, departure);
    return {};
  },
  decryptEvents: (op, { roomId, events }) => ({
    results: events.map((event) => decryptEvent(op, roomId, event)),
  }),
  startVerification: (op, { userId, deviceId }) => startVerification(op, userId, deviceId),
  acceptVerification: (op, { flowId }) => acceptVerification(op, flowId),
  startEmoji: (op, { flowId }) => startEmoji(op, flowId),
  confirmEmoji: (op, { flowId, match }) => confirmEmoji(op, flowId, match),
  showQr: (op, { flowId }) => showCode(op, flowId),
  scanQr: (op, { flowId, payload }) => scanCode(op, payload, flowId),
  confirmScanned: (op, { flowId }) => confirmScanned(op, flowId),
  startLinking: (op) => startLinking(op),
  approveLinking: (op, { payload }) => approveLinking(op, payload),
  cancelVerification: (op, { flowId }) => cancelVerification(op, flowId),
  askForKey: (op, { roomId, eventId }) => {
    askAgain(op, roomId, eventId);
    return {};
  },
  ...profileHandlers,
};

function userIdentity(op: Op, userId: string): UserIdentity {
  const user = op.tx.get(USERS, userId) ?? emptyUser(userId);
  return {
    userId,
    trust: trustOf(user),
    masterKey: user.pinned,
    offeredMasterKey: user.offered,
    devices: Object.values(user.devices).map((device) => ({
      deviceId: device.deviceId,
      ed25519: device.ed25519,
      displayName: device.displayName,
      crossSigned: device.crossSignature !== undefined,
      capable: isCapable(device),
    })),
  };
}
