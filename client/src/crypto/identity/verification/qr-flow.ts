/** Verification by QR code: `m.reciprocate.v1` (spec: "QR codes"). */
import { fromBase64, toBase64 } from '../../primitives/base64.ts';
import { equalBytes } from '../../primitives/bytes.ts';
import type { Random } from '../../primitives/random.ts';
import {
  cancel,
  type Flow,
  type KnownKeys,
  METHOD_RECIPROCATE,
  METHOD_SCAN,
  METHOD_SHOW,
  type Proof,
  prove,
  stay,
  type Step,
} from './flow.ts';
import { encodeQr, type QrCode } from './qr-code.ts';

const SECRET_BYTES = 16;

/** Whether this device trusts its own user's master key: it holds the cross-signing keys, or was verified. */
export type QrContext = { readonly known: KnownKeys; readonly trustsOwnMaster: boolean };

type Shown = Pick<QrCode, 'mode' | 'first' | 'second'>;

/** Keys of the code that this device would show; undefined when a key it needs is not known. */
const shownKeys = (flow: Flow, { known, trustsOwnMaster }: QrContext): Shown | undefined => {
  const { ownMaster, theirMaster } = known;
  if (ownMaster === undefined) return undefined;
  if (flow.userId !== flow.self.userId)
    return theirMaster === undefined
      ? undefined
      : { mode: 0, first: fromBase64(ownMaster), second: fromBase64(theirMaster) };
  if (trustsOwnMaster)
    return { mode: 1, first: fromBase64(ownMaster), second: fromBase64(known.theirDevice) };
  return { mode: 2, first: fromBase64(known.ownDevice), second: fromBase64(ownMaster) };
};

export const canShow = (flow: Flow, context: QrContext): boolean =>
  flow.phase === 'ready' &&
  flow.theirMethods.includes(METHOD_SCAN) &&
  flow.theirMethods.includes(METHOD_RECIPROCATE) &&
  shownKeys(flow, context) !== undefined;

export const canScan = (flow: Flow): boolean =>
  (flow.phase === 'ready' || flow.phase === 'qr-shown') &&
  flow.theirMethods.includes(METHOD_SHOW) &&
  flow.theirMethods.includes(METHOD_RECIPROCATE);

/** Makes our code; undefined when it cannot be shown in this flow. */
export const showQr = (
  flow: Flow,
  context: QrContext,
  random: Random,
): { readonly flow: Flow; readonly payload: Uint8Array } | undefined => {
  const keys = shownKeys(flow, context);
  if (keys === undefined || (!canShow(flow, context) && flow.phase !== 'qr-shown')) return undefined;
  const secret = flow.qrSecret ?? random(SECRET_BYTES);
  const payload = encodeQr({ ...keys, transactionId: flow.id, secret });
  return { flow: { ...flow, phase: 'qr-shown', qrSecret: secret }, payload };
};

/** What scanning proves to the scanner, when the code's keys are the ones it knows; undefined when they are not. */
const scanned = (flow: Flow, code: QrCode, { known, trustsOwnMaster }: QrContext): Proof | undefined => {
  const is = (bytes: Uint8Array, key: string | undefined): boolean =>
    key !== undefined && equalBytes(bytes, fromBase64(key));
  const sameUser = flow.userId === flow.self.userId;
  if (code.mode === 0) {
    if (sameUser || !is(code.first, known.theirMaster) || !is(code.second, known.ownMaster)) return undefined;
    return { device: false, master: true };
  }
  if (!sameUser) return undefined;
  if (code.mode === 1) {
    if (!is(code.first, known.ownMaster) || !is(code.second, known.ownDevice)) return undefined;
    return { device: false, master: true };
  }
  if (!trustsOwnMaster || !is(code.first, known.theirDevice) || !is(code.second, known.ownMaster))
    return undefined;
  return { device: true, master: false };
};

/** The user scanned the other side's code. */
export const scanQr = (flow: Flow, code: QrCode, context: QrContext): Step => {
  if (!canScan(flow) || code.transactionId !== flow.id) return cancel(flow, 'm.unexpected_message');
  const proof = scanned(flow, code, context);
  if (proof === undefined) return cancel(flow, 'm.key_mismatch');
  const content = {
    from_device: flow.self.deviceId,
    method: METHOD_RECIPROCATE,
    transaction_id: flow.id,
    secret: toBase64(code.secret),
  };
  return {
    // The proof holds; whether the other side agrees, its user decides.
    flow: { ...flow, start: { byUs: true, content }, proof, phase: 'waiting' },
    send: [{ type: 'm.key.verification.start', content }],
  };
};

/** `m.key.verification.start` with `m.reciprocate.v1`: the other side scanned our code. */
export const receiveReciprocate = (
  flow: Flow,
  content: Readonly<Record<string, unknown>>,
  secret: string,
): Step => {
  if (flow.phase !== 'qr-shown' || flow.qrSecret === undefined) return cancel(flow, 'm.unexpected_message');
  let given: Uint8Array;
  try {
    given = fromBase64(secret);
  } catch {
    return cancel(flow, 'm.invalid_message');
  }
  if (!equalBytes(given, flow.qrSecret)) return cancel(flow, 'm.key_mismatch');
  return stay({ ...flow, start: { byUs: false, content }, phase: 'qr-scanned' });
};

/** The user saw that the other device scanned the code. */
export const confirmScan = (flow: Flow, { trustsOwnMaster }: QrContext): Step => {
  if (flow.phase !== 'qr-scanned') return stay(flow);
  if (flow.userId !== flow.self.userId) return prove(flow, { device: false, master: true });
  // We showed mode 1 when we trust our master key (and prove the other device), mode 2 when we do not (and prove it).
  return prove(flow, trustsOwnMaster ? { device: true, master: false } : { device: false, master: true });
};

/** The other side is done: so is a scanner, whose proof was waiting for that. */
export const finishScan = (flow: Flow): Step =>
  flow.proof !== undefined && !flow.sentDone ? prove(flow, flow.proof) : stay(flow);
