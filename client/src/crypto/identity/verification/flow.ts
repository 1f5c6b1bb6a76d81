/**
 * A verification between two devices (spec: "Key verification framework"), as a value and transitions that return the
 * next value and what to send. Nothing here is trusted because it arrived: what decides is the comparison that the
 * users make, and the keys it is bound to.
 */
import type { Secret } from '../../primitives/secret.ts';
import type { X25519KeyPair } from '../../primitives/x25519.ts';
import type { SasEmoji } from './emoji-table.ts';
import type { SasMacs, SasParty } from './sas.ts';

export const METHOD_SAS = 'm.sas.v1';
export const METHOD_RECIPROCATE = 'm.reciprocate.v1';
export const METHOD_SHOW = 'm.qr_code.show.v1';
export const METHOD_SCAN = 'm.qr_code.scan.v1';
export const METHODS: readonly string[] = [METHOD_SAS, METHOD_SHOW, METHOD_SCAN, METHOD_RECIPROCATE];

/** A flow ends by itself this long after its request (spec: at least 10 minutes). */
export const FLOW_LIFETIME_MS = 10 * 60 * 1000;

export type Phase =
  | 'requested'
  | 'ready'
  | 'emoji-wait'
  | 'emoji-compare'
  | 'qr-shown'
  | 'qr-scanned'
  | 'waiting'
  | 'done'
  | 'cancelled';

/** The keys that the two devices know each other by, unpadded base64. */
export type KnownKeys = {
  readonly ownDevice: string;
  readonly ownMaster: string | undefined;
  readonly theirDevice: string;
  readonly theirMaster: string | undefined;
};

/** What a finished comparison proves about the other side. */
export type Proof = { readonly device: boolean; readonly master: boolean };

export type SasState = {
  readonly keys: X25519KeyPair;
  readonly ownKey: string;
  readonly theirKey: string | undefined;
  /** The other side's, when it accepted. */
  readonly commitment: string | undefined;
  readonly shared: Secret<'shared'> | undefined;
  readonly emoji: readonly SasEmoji[] | undefined;
  readonly confirmed: boolean;
  readonly theirMacs: SasMacs | undefined;
};

export type Flow = {
  /** The transaction id. */
  readonly id: string;
  readonly self: SasParty;
  readonly userId: string;
  /** Undefined until one of the user's devices has taken the request up. */
  readonly deviceId: string | undefined;
  readonly incoming: boolean;
  readonly createdAt: number;
  readonly phase: Phase;
  readonly theirMethods: readonly string[];
  /** Why it was cancelled. */
  readonly code: string | undefined;
  /** The `start` that counts. */
  readonly start: { readonly byUs: boolean; readonly content: Readonly<Record<string, unknown>> } | undefined;
  readonly sas: SasState | undefined;
  /** Secret in the QR code that we show. */
  readonly qrSecret: Uint8Array | undefined;
  readonly proof: Proof | undefined;
  readonly sentDone: boolean;
  readonly theyAreDone: boolean;
};

export type FlowMessage = {
  readonly type: `m.key.verification.${'request' | 'ready' | 'start' | 'accept' | 'key' | 'mac' | 'done' | 'cancel'}`;
  readonly content: Readonly<Record<string, unknown>>;
};

export type Step = { readonly flow: Flow; readonly send: readonly FlowMessage[] };

export const stay = (flow: Flow): Step => ({ flow, send: [] });

export const party = (flow: Flow): SasParty => ({ userId: flow.userId, deviceId: flow.deviceId ?? '' });

export const hasEnded = ({ phase }: Flow): boolean => phase === 'done' || phase === 'cancelled';

type NewFlow = Pick<Flow, 'id' | 'self' | 'userId' | 'deviceId' | 'incoming' | 'createdAt'>;

export const newFlow = (init: NewFlow): Flow => ({
  ...init,
  phase: 'requested',
  theirMethods: [],
  code: undefined,
  start: undefined,
  sas: undefined,
  qrSecret: undefined,
  proof: undefined,
  sentDone: false,
  theyAreDone: false,
});

const wipe = (flow: Flow): void => {
  flow.sas?.keys.secret.wipe();
  flow.sas?.shared?.wipe();
  flow.qrSecret?.fill(0);
};

/** Reasons as the spec's table of cancellation codes words them. */
const REASONS: Readonly<Record<string, string>> = {
  'm.user': 'The user cancelled the verification.',
  'm.timeout': 'The verification timed out.',
  'm.unknown_method': 'The devices have no verification method in common.',
  'm.unexpected_message': 'An unexpected message was received.',
  'm.key_mismatch': 'The keys do not match.',
  'm.mismatched_sas': 'The emoji do not match.',
  'm.mismatched_commitment': 'The hash commitment does not match.',
  'm.invalid_message': 'A malformed message was received.',
  'm.accepted': 'Another device accepted the request.',
};

/** Ends a flow and tells the other side why. */
export const cancel = (flow: Flow, code: string): Step => {
  if (hasEnded(flow)) return stay(flow);
  wipe(flow);
  const reason = REASONS[code] ?? code;
  return {
    flow: { ...flow, phase: 'cancelled', code, proof: undefined },
    send: [{ type: 'm.key.verification.cancel', content: { transaction_id: flow.id, code, reason } }],
  };
};

/** The other side cancelled. */
export const cancelled = (flow: Flow, code: string): Step => {
  if (hasEnded(flow)) return stay(flow);
  wipe(flow);
  return stay({ ...flow, phase: 'cancelled', code, proof: undefined });
};

/** The comparison holds: says so, and ends when the other side has said so too. */
export const prove = (flow: Flow, proof: Proof): Step => {
  const sent: FlowMessage = { type: 'm.key.verification.done', content: { transaction_id: flow.id } };
  const proven: Flow = { ...flow, proof, sentDone: true, phase: flow.theyAreDone ? 'done' : 'waiting' };
  if (proven.phase === 'done') wipe(proven);
  return { flow: proven, send: flow.sentDone ? [] : [sent] };
};

/** `m.key.verification.done` from the other side. */
export const receiveDone = (flow: Flow): Step => {
  if (hasEnded(flow)) return stay(flow);
  // Before there was anything to agree to, it says nothing.
  if (flow.start === undefined) return cancel(flow, 'm.unexpected_message');
  const next: Flow = { ...flow, theyAreDone: true };
  if (flow.proof === undefined || !flow.sentDone) return stay(next);
  wipe(next);
  return stay({ ...next, phase: 'done' });
};

/** Takes an incoming request up. */
export const accept = (flow: Flow): Step => {
  if (!flow.incoming || flow.phase !== 'requested') return stay(flow);
  if (!flow.theirMethods.some((method) => METHODS.includes(method))) return cancel(flow, 'm.unknown_method');
  const content = { from_device: flow.self.deviceId, methods: METHODS, transaction_id: flow.id };
  return { flow: { ...flow, phase: 'ready' }, send: [{ type: 'm.key.verification.ready', content }] };
};

/** `m.key.verification.ready`: one of the other side's devices took our request up. */
export const receiveReady = (flow: Flow, deviceId: string, methods: readonly string[]): Step => {
  if (flow.incoming || flow.phase !== 'requested') return stay(flow);
  if (!methods.some((method) => METHODS.includes(method)))
    return cancel({ ...flow, deviceId }, 'm.unknown_method');
  return stay({ ...flow, deviceId, theirMethods: methods, phase: 'ready' });
};

/** Of two `start`s that crossed, the one of the lower user id, then device id, counts (spec). */
export const theirStartWins = (flow: Flow): boolean => {
  const { self, userId } = flow;
  if (self.userId !== userId) return userId < self.userId;
  return (flow.deviceId ?? '') < self.deviceId;
};
