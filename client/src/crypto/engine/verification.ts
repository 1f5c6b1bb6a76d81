/** Verification flows inside the engine: to-device messages in and out, and what a proof changes. */
import * as z from 'zod/mini';
import { trustOf, type UserRecord } from '../identity/user-record.ts';
import { signJson } from '../identity/signed-json.ts';
import {
  accept,
  cancel,
  cancelled,
  type Flow,
  FLOW_LIFETIME_MS,
  type FlowMessage,
  hasEnded,
  type KnownKeys,
  METHOD_RECIPROCATE,
  METHOD_SAS,
  METHODS,
  newFlow,
  type Proof,
  receiveDone,
  receiveReady,
  type Step,
} from '../identity/verification/flow.ts';
import { decodeQr, QrError } from '../identity/verification/qr-code.ts';
import {
  canScan,
  canShow,
  confirmScan,
  finishScan,
  type QrContext,
  receiveReciprocate,
  scanQr,
  showQr,
} from '../identity/verification/qr-flow.ts';
import {
  confirmSas,
  receiveSasAccept,
  receiveSasKey,
  receiveSasMac,
  receiveSasStart,
  startSas,
} from '../identity/verification/sas-flow.ts';
import { toBase64, toBase64Url } from '../primitives/base64.ts';
import { markOutdated, track } from './directory.ts';
import { EngineError } from './engine-error.ts';
import type { Op } from './op.ts';
import { crossSigningKey } from './own-identity.ts';
import type { VerificationState } from './protocol/flows.ts';
import { enqueue } from './requests.ts';
import { SECRETS, USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';

/** Flows kept at once: past that, requests are ignored. */
const MAX_FLOWS = 32;
/** A request dated further ahead than this is not shown (spec: 5 minutes). */
const MAX_AHEAD_MS = 5 * 60 * 1000;
const PREFIX = 'm.key.verification.';

const viewOf = (op: Op, flow: Flow): VerificationState => {
  const context = contextOf(op, flow);
  const { phase, sas, code } = flow;
  return {
    flowId: flow.id,
    userId: flow.userId,
    deviceId: flow.deviceId,
    incoming: flow.incoming,
    phase,
    canShowQr: context !== undefined && canShow(flow, context),
    canScanQr: canScan(flow),
    ...(phase === 'emoji-compare' && sas?.emoji !== undefined ? { emoji: sas.emoji } : {}),
    ...(code === undefined ? {} : { code }),
  };
};

/** The keys both sides go by; undefined while the other device is not in its user's list. */
function knownKeys(op: Op, flow: Flow): KnownKeys | undefined {
  const user = op.tx.get(USERS, flow.userId);
  const device = flow.deviceId === undefined ? undefined : user?.devices[flow.deviceId];
  if (device === undefined) return undefined;
  return {
    ownDevice: toBase64(op.self.ed25519.public),
    ownMaster: op.tx.get(USERS, op.self.userId)?.pinned,
    theirDevice: device.ed25519,
    // A changed key is not verified before the user has accepted the change.
    theirMaster: user?.offered === undefined ? user?.pinned : undefined,
  };
}

function contextOf(op: Op, flow: Flow): QrContext | undefined {
  const known = knownKeys(op, flow);
  if (known === undefined) return undefined;
  const holds = op.tx.get(SECRETS, 'self_signing') !== undefined;
  return { known, trustsOwnMaster: holds || op.tx.get(USERS, op.self.userId)?.verified === true };
}

function deliver(op: Op, flow: Flow, messages: readonly FlowMessage[], deviceIds: readonly string[]): void {
  for (const { type, content } of messages) {
    const devices = Object.fromEntries(deviceIds.map((deviceId) => [deviceId, content]));
    sendToDevices(op, type, { [flow.userId]: devices }, { for: 'toDevice' });
  }
}

/** Devices of the other side that a request without a device goes to. */
const otherDevices = (op: Op, flow: Flow): readonly string[] =>
  Object.keys(op.tx.get(USERS, flow.userId)?.devices ?? {}).filter(
    (deviceId) => flow.userId !== op.self.userId || deviceId !== op.self.deviceId,
  );

/** Takes a step: keeps the flow, sends its messages, tells the page, and acts on a proof that is complete. */
function take(op: Op, before: Flow, { flow, send }: Step): VerificationState {
  if (flow !== before) {
    op.memory.flows.set(flow.id, flow);
    deliver(op, flow, send, flow.deviceId === undefined ? otherDevices(op, flow) : [flow.deviceId]);
    if (flow.phase === 'done' && flow.proof !== undefined) applyProof(op, flow, flow.proof);
    const state = viewOf(op, flow);
    op.notices.push({ kind: 'verification', state });
    return state;
  }
  return viewOf(op, flow);
}

function flowOf(op: Op, flowId: string): Flow {
  const flow = op.memory.flows.get(flowId);
  if (flow === undefined || hasEnded(flow)) throw new EngineError('UNKNOWN_FLOW');
  return flow;
}

const requireChange = (before: Flow, step: Step): Step => {
  if (step.flow === before) throw new EngineError('WRONG_PHASE', before.phase);
  return step;
};

/** Asks a user's device, or all of a user's devices, to verify. */
export function startVerification(op: Op, userId: string, deviceId?: string): VerificationState {
  track(op, userId);
  expireFlows(op);
  if (op.memory.flows.size >= MAX_FLOWS) dropEnded(op);
  const id = `nyx${toBase64Url(op.random(18))}`;
  const self = { userId: op.self.userId, deviceId: op.self.deviceId };
  const flow = newFlow({ id, self, userId, deviceId, incoming: false, createdAt: op.now });
  const targets = deviceId === undefined ? otherDevices(op, flow) : [deviceId];
  if (targets.length === 0) throw new EngineError('IDENTITY_MISSING', 'the user has no device to verify');
  op.memory.flows.set(id, flow);
  const content = { from_device: self.deviceId, methods: METHODS, timestamp: op.now, transaction_id: id };
  deliver(op, flow, [{ type: 'm.key.verification.request', content }], targets);
  const state = viewOf(op, flow);
  // Whoever began it sees that it waits for the other side, wherever in the page it was begun.
  op.notices.push({ kind: 'verification', state });
  return state;
}

export function acceptVerification(op: Op, flowId: string): VerificationState {
  const flow = flowOf(op, flowId);
  const step = knownKeys(op, flow) === undefined ? cancel(flow, 'm.key_mismatch') : accept(flow);
  return take(op, flow, requireChange(flow, step));
}

export function startEmoji(op: Op, flowId: string): VerificationState {
  const flow = flowOf(op, flowId);
  return take(op, flow, requireChange(flow, startSas(flow, op.random)));
}

export function confirmEmoji(op: Op, flowId: string, match: boolean): VerificationState {
  const flow = flowOf(op, flowId);
  const known = knownKeys(op, flow);
  const step = known === undefined ? cancel(flow, 'm.key_mismatch') : confirmSas(flow, match, known);
  return take(op, flow, requireChange(flow, step));
}

export function showCode(op: Op, flowId: string): { readonly payload: Uint8Array } {
  const flow = flowOf(op, flowId);
  const context = contextOf(op, flow);
  const shown = context && showQr(flow, context, op.random);
  if (shown === undefined) throw new EngineError('WRONG_PHASE', flow.phase);
  take(op, flow, { flow: shown.flow, send: [] });
  return { payload: shown.payload };
}

/** The user scanned a code; the flow it belongs to is inside. */
export function scanCode(op: Op, payload: Uint8Array, flowId?: string): VerificationState {
  try {
    const code = decodeQr(payload);
    if (flowId !== undefined && flowId !== code.transactionId)
      throw new EngineError('BAD_QR', 'of another flow');
    const flow = flowOf(op, code.transactionId);
    const context = contextOf(op, flow);
    return take(
      op,
      flow,
      context === undefined ? cancel(flow, 'm.key_mismatch') : scanQr(flow, code, context),
    );
  } catch (error) {
    if (error instanceof QrError) throw new EngineError('BAD_QR', error.message);
    throw error;
  }
}

export function confirmScanned(op: Op, flowId: string): VerificationState {
  const flow = flowOf(op, flowId);
  const context = contextOf(op, flow);
  const step = context === undefined ? cancel(flow, 'm.key_mismatch') : confirmScan(flow, context);
  return take(op, flow, requireChange(flow, step));
}

export function cancelVerification(op: Op, flowId: string): VerificationState {
  const flow = flowOf(op, flowId);
  return take(op, flow, cancel(flow, 'm.user'));
}

/** Ends flows whose time is over. Called with every operation. */
export function expireFlows(op: Op): void {
  for (const flow of [...op.memory.flows.values()])
    if (!hasEnded(flow) && op.now - flow.createdAt >= FLOW_LIFETIME_MS)
      take(op, flow, cancel(flow, 'm.timeout'));
}

/** When the next flow ends by itself (ms). */
export function nextFlowEnd(op: Op): number | undefined {
  const ends = [...op.memory.flows.values()]
    .filter((flow) => !hasEnded(flow))
    .map(({ createdAt }) => createdAt + FLOW_LIFETIME_MS);
  return ends.length === 0 ? undefined : Math.min(...ends);
}

function dropEnded(op: Op): void {
  for (const [id, flow] of op.memory.flows) if (hasEnded(flow)) op.memory.flows.delete(id);
}

const id = z.string().check(z.minLength(1), z.maxLength(255));
const methods = z.array(z.string().check(z.maxLength(255))).check(z.maxLength(64));
const strings = z.array(z.string().check(z.maxLength(255))).check(z.maxLength(64));
const base64Key = z.string().check(z.maxLength(64));
const schemas = {
  request: z.object({ transaction_id: id, from_device: id, methods, timestamp: z.number() }),
  ready: z.object({ transaction_id: id, from_device: id, methods }),
  start: z.object({ transaction_id: id, from_device: id, method: z.string().check(z.maxLength(255)) }),
  sas: z.object({
    key_agreement_protocols: strings,
    hashes: strings,
    message_authentication_codes: strings,
    short_authentication_string: strings,
  }),
  reciprocate: z.object({ secret: z.string().check(z.maxLength(256)) }),
  accept: z.object({
    transaction_id: id,
    commitment: base64Key,
    hash: z.string().check(z.maxLength(255)),
    key_agreement_protocol: z.string().check(z.maxLength(255)),
    message_authentication_code: z.string().check(z.maxLength(255)),
    short_authentication_string: strings,
  }),
  key: z.object({ transaction_id: id, key: base64Key }),
  mac: z.object({
    transaction_id: id,
    keys: base64Key,
    mac: z.record(z.string().check(z.maxLength(255)), base64Key),
  }),
  done: z.object({ transaction_id: id }),
  cancel: z.object({ transaction_id: id, code: z.string().check(z.maxLength(255)) }),
};
type Content = Readonly<Record<string, unknown>>;

export const isVerification = (type: string): boolean => type.startsWith(PREFIX);

/** A to-device message of a verification. It carries no authority: the comparison does. */
export function receiveVerification(op: Op, sender: string, type: string, content: Content): void {
  expireFlows(op);
  const kind = type.slice(PREFIX.length);
  if (kind === 'request') {
    receiveRequest(op, sender, content);
    return;
  }
  const transaction = schemas.done.safeParse(content);
  const flow = transaction.success ? op.memory.flows.get(transaction.data.transaction_id) : undefined;
  if (flow?.userId !== sender || hasEnded(flow)) return;
  const step = kind === 'ready' ? becomeReady(op, flow, content) : react(op, flow, kind, content);
  take(op, flow, step ?? cancel(flow, 'm.invalid_message'));
}

function receiveRequest(op: Op, sender: string, content: Content): void {
  const parsed = schemas.request.safeParse(content);
  if (!parsed.success) return;
  const { transaction_id: flowId, from_device: deviceId, timestamp, methods: theirMethods } = parsed.data;
  if (timestamp > op.now + MAX_AHEAD_MS || timestamp < op.now - FLOW_LIFETIME_MS) return;
  if (sender === op.self.userId && deviceId === op.self.deviceId) return;
  if (op.memory.flows.size >= MAX_FLOWS) dropEnded(op);
  if (op.memory.flows.has(flowId) || op.memory.flows.size >= MAX_FLOWS) return;
  const user = track(op, sender);
  if (user.devices[deviceId] === undefined) markOutdated(op, sender);
  const self = { userId: op.self.userId, deviceId: op.self.deviceId };
  const init = { id: flowId, self, userId: sender, deviceId, incoming: true, createdAt: op.now };
  const flow: Flow = { ...newFlow(init), theirMethods };
  op.memory.flows.set(flowId, flow);
  op.notices.push({ kind: 'verification', state: viewOf(op, flow) });
}

function becomeReady(op: Op, flow: Flow, content: Content): Step | undefined {
  const parsed = schemas.ready.safeParse(content);
  if (!parsed.success) return undefined;
  const { from_device: deviceId, methods: theirMethods } = parsed.data;
  const asked = flow.deviceId === undefined ? otherDevices(op, flow) : [flow.deviceId];
  const step = asked.includes(deviceId) ? receiveReady(flow, deviceId, theirMethods) : { flow, send: [] };
  if (step.flow !== flow) {
    const others = asked.filter((other) => other !== deviceId);
    deliver(op, flow, cancel(flow, 'm.accepted').send, others);
  }
  return step;
}

/** What each message does to a flow; undefined when it is not what it should be. */
function react(op: Op, flow: Flow, kind: string, content: Content): Step | undefined {
  switch (kind) {
    case 'start':
      return receiveStart(op, flow, content);
    case 'accept': {
      const { success, data } = schemas.accept.safeParse(content);
      if (!success) return undefined;
      return receiveSasAccept(flow, {
        agreement: data.key_agreement_protocol,
        hash: data.hash,
        mac: data.message_authentication_code,
        strings: data.short_authentication_string,
        commitment: data.commitment,
      });
    }
    case 'key': {
      const { success, data } = schemas.key.safeParse(content);
      return success ? receiveSasKey(flow, data.key) : undefined;
    }
    case 'mac': {
      const { success, data } = schemas.mac.safeParse(content);
      const known = knownKeys(op, flow);
      if (!success) return undefined;
      return known === undefined ? cancel(flow, 'm.key_mismatch') : receiveSasMac(flow, data, known);
    }
    case 'done': {
      const step = receiveDone(flow);
      // A scanner has proved all it can and answers the other side's word with its own.
      const last = step.flow.theyAreDone ? finishScan(step.flow) : step;
      return {
        flow: last.flow,
        send: [...step.send, ...last.send.filter((message) => !step.send.includes(message))],
      };
    }
    case 'cancel': {
      const { success, data } = schemas.cancel.safeParse(content);
      return cancelled(flow, success ? data.code : 'm.unknown');
    }
    default:
      return { flow, send: [] };
  }
}

function receiveStart(op: Op, flow: Flow, content: Content): Step | undefined {
  const { success, data } = schemas.start.safeParse(content);
  if (!success || data.from_device !== flow.deviceId) return undefined;
  if (data.method === METHOD_RECIPROCATE) {
    const reciprocate = schemas.reciprocate.safeParse(content);
    return reciprocate.success ? receiveReciprocate(flow, content, reciprocate.data.secret) : undefined;
  }
  if (data.method !== METHOD_SAS) return cancel(flow, 'm.unknown_method');
  const sas = schemas.sas.safeParse(content);
  if (!sas.success) return undefined;
  const offer = {
    agreements: sas.data.key_agreement_protocols,
    hashes: sas.data.hashes,
    macs: sas.data.message_authentication_codes,
    strings: sas.data.short_authentication_string,
    content,
  };
  return receiveSasStart(flow, offer, op.random);
}

/** Both sides compared and agreed: pins become verified, and our keys sign what they can. */
function applyProof(op: Op, flow: Flow, proof: Proof): void {
  const user = op.tx.get(USERS, flow.userId);
  if (user === undefined) return;
  if (proof.master && user.pinned !== undefined) {
    const verified: UserRecord = { ...user, verified: true };
    op.tx.put(USERS, flow.userId, verified);
    op.notices.push({ kind: 'userChanged', userId: flow.userId, trust: trustOf(verified) });
    if (flow.userId !== op.self.userId) signMaster(op, flow.userId, user.pinned);
  }
  if (proof.device && flow.userId === op.self.userId) signDevice(op, user, flow.deviceId ?? '');
}

function uploadSignature(op: Op, userId: string, keyName: string, signed: unknown): void {
  const path = '/_matrix/client/v3/keys/signatures/upload';
  const body = { [userId]: { [keyName]: signed } };
  enqueue(op, { kind: 'signatures', method: 'POST', path: () => path, body }, { for: 'vouch', userId });
}

/** Our user-signing key signs another user's master key, so that our other devices know it as verified. */
function signMaster(op: Op, userId: string, master: string): void {
  const userSigning = crossSigningKey(op, 'user_signing');
  if (userSigning === undefined) return;
  const key = { user_id: userId, usage: ['master'], keys: { [`ed25519:${master}`]: master } };
  const keyId = `ed25519:${toBase64(userSigning.public)}`;
  uploadSignature(op, userId, master, signJson(key, op.self.userId, keyId, userSigning.secret));
  userSigning.secret.wipe();
}

/** Our self-signing key signs another device of ours. */
export function signDevice(op: Op, user: UserRecord, deviceId: string): void {
  const device = user.devices[deviceId];
  const selfSigning = crossSigningKey(op, 'self_signing');
  if (device === undefined || selfSigning === undefined) return;
  const keys = {
    user_id: user.userId,
    device_id: deviceId,
    algorithms: device.algorithms,
    keys: { [`curve25519:${deviceId}`]: device.curve25519, [`ed25519:${deviceId}`]: device.ed25519 },
  };
  const keyId = `ed25519:${toBase64(selfSigning.public)}`;
  uploadSignature(op, user.userId, deviceId, signJson(keys, user.userId, keyId, selfSigning.secret));
  selfSigning.secret.wipe();
}
