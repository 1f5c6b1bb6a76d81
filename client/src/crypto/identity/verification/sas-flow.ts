/** Verification by comparing emoji: the messages of `m.sas.v1` around `sas.ts`. */
import { fromBase64, toBase64 } from '../../primitives/base64.ts';
import { isCryptoError } from '../../primitives/errors.ts';
import type { Random } from '../../primitives/random.ts';
import { generateX25519, x25519 } from '../../primitives/x25519.ts';
import {
  cancel,
  type Flow,
  type FlowMessage,
  type KnownKeys,
  METHOD_SAS,
  party,
  prove,
  type SasState,
  stay,
  type Step,
  theirStartWins,
} from './flow.ts';
import { checkSasMacs, sasCommitment, sasEmoji, sasMacs, type SasMacs } from './sas.ts';

const KEY_AGREEMENT = 'curve25519-hkdf-sha256';
const MAC = 'hkdf-hmac-sha256.v2';
const HASH = 'sha256';

const freshState = (random: Random): SasState => {
  const keys = generateX25519(random);
  return {
    keys,
    ownKey: toBase64(keys.public),
    theirKey: undefined,
    commitment: undefined,
    shared: undefined,
    emoji: undefined,
    confirmed: false,
    theirMacs: undefined,
  };
};

const keyMessage = (flow: Flow, sas: SasState): FlowMessage => ({
  type: 'm.key.verification.key',
  content: { transaction_id: flow.id, key: sas.ownKey },
});

/** The user asks for emoji. */
export const startSas = (flow: Flow, random: Random): Step => {
  if (flow.phase !== 'ready' && flow.phase !== 'qr-shown') return stay(flow);
  if (!flow.theirMethods.includes(METHOD_SAS)) return cancel(flow, 'm.unknown_method');
  const content = {
    from_device: flow.self.deviceId,
    method: METHOD_SAS,
    transaction_id: flow.id,
    key_agreement_protocols: [KEY_AGREEMENT],
    hashes: [HASH],
    message_authentication_codes: [MAC],
    short_authentication_string: ['emoji'],
  };
  const sas = freshState(random);
  return {
    flow: { ...flow, start: { byUs: true, content }, sas, phase: 'emoji-wait' },
    send: [{ type: 'm.key.verification.start', content }],
  };
};

/** What of a `start` decides whether we can do it. */
export type SasOffer = {
  readonly agreements: readonly string[];
  readonly hashes: readonly string[];
  readonly macs: readonly string[];
  readonly strings: readonly string[];
  /** The whole content, as it was sent: the commitment covers it. */
  readonly content: Readonly<Record<string, unknown>>;
};

/** `m.key.verification.start` with `m.sas.v1`. */
export const receiveSasStart = (flow: Flow, offer: SasOffer, random: Random): Step => {
  const crossed = flow.start?.byUs === true && flow.sas !== undefined && flow.phase === 'emoji-wait';
  if (crossed && !theirStartWins(flow)) return stay(flow);
  const early = flow.phase === 'ready' || flow.phase === 'qr-shown';
  if (!early && !crossed) return cancel(flow, 'm.unexpected_message');
  if (crossed && flow.sas.commitment !== undefined) return cancel(flow, 'm.unexpected_message');
  const fits =
    offer.agreements.includes(KEY_AGREEMENT) &&
    offer.hashes.includes(HASH) &&
    offer.macs.includes(MAC) &&
    offer.strings.includes('emoji');
  if (!fits) return cancel(flow, 'm.unknown_method');
  flow.sas?.keys.secret.wipe();
  const sas = freshState(random);
  const accept: FlowMessage = {
    type: 'm.key.verification.accept',
    content: {
      transaction_id: flow.id,
      key_agreement_protocol: KEY_AGREEMENT,
      hash: HASH,
      message_authentication_code: MAC,
      short_authentication_string: ['emoji'],
      commitment: sasCommitment(sas.ownKey, offer.content),
    },
  };
  const start = { byUs: false, content: offer.content };
  return { flow: { ...flow, start, sas, phase: 'emoji-wait' }, send: [accept] };
};

export type SasAccept = {
  readonly agreement: string;
  readonly hash: string;
  readonly mac: string;
  readonly strings: readonly string[];
  readonly commitment: string;
};

/** `m.key.verification.accept`: the other side is committed to its key, ours may go out. */
export const receiveSasAccept = (flow: Flow, accept: SasAccept): Step => {
  const { sas } = flow;
  if (sas === undefined || flow.start?.byUs !== true || sas.commitment !== undefined)
    return cancel(flow, 'm.unexpected_message');
  const fits =
    accept.agreement === KEY_AGREEMENT &&
    accept.hash === HASH &&
    accept.mac === MAC &&
    accept.strings.includes('emoji');
  if (!fits) return cancel(flow, 'm.unknown_method');
  const next: SasState = { ...sas, commitment: accept.commitment };
  return { flow: { ...flow, sas: next }, send: [keyMessage(flow, sas)] };
};

/** `m.key.verification.key`: both keys are known, the emoji follow. */
export const receiveSasKey = (flow: Flow, key: string): Step => {
  const { sas, start } = flow;
  if (sas === undefined || start === undefined || sas.theirKey !== undefined)
    return cancel(flow, 'm.unexpected_message');
  if (start.byUs) {
    if (sas.commitment === undefined) return cancel(flow, 'm.unexpected_message');
    if (sasCommitment(key, start.content) !== sas.commitment) return cancel(flow, 'm.mismatched_commitment');
  }
  let shared: SasState['shared'];
  try {
    shared = x25519(sas.keys.secret, fromBase64(key));
  } catch (error) {
    if (!isCryptoError(error)) throw error;
    return cancel(flow, 'm.invalid_message');
  }
  const us = { ...flow.self, key: sas.ownKey };
  const them = { ...party(flow), key };
  const [starter, accepter] = start.byUs ? [us, them] : [them, us];
  const next: SasState = {
    ...sas,
    theirKey: key,
    shared,
    emoji: sasEmoji(shared, starter, accepter, flow.id),
  };
  const send = start.byUs ? [] : [keyMessage(flow, sas)];
  return { flow: { ...flow, sas: next, phase: 'emoji-compare' }, send };
};

const keyIds = (device: string, deviceKey: string, master: string | undefined): Record<string, string> => ({
  [`ed25519:${device}`]: deviceKey,
  ...(master === undefined ? {} : { [`ed25519:${master}`]: master }),
});

/** Both sides have confirmed: what the other side's MACs prove. */
const finish = (flow: Flow, sas: SasState, macs: SasMacs, known: KnownKeys): Step => {
  if (sas.shared === undefined) return cancel(flow, 'm.unexpected_message');
  const them = party(flow);
  const theirs = keyIds(them.deviceId, known.theirDevice, known.theirMaster);
  const held = checkSasMacs(sas.shared, them, flow.self, flow.id, macs, theirs);
  if (held === undefined || held.length === 0) return cancel(flow, 'm.key_mismatch');
  return prove(flow, {
    device: held.includes(`ed25519:${them.deviceId}`),
    master: known.theirMaster !== undefined && held.includes(`ed25519:${known.theirMaster}`),
  });
};

/** The user says whether the emoji are the same. */
export const confirmSas = (flow: Flow, match: boolean, known: KnownKeys): Step => {
  const { sas } = flow;
  if (flow.phase !== 'emoji-compare' || sas?.shared === undefined || sas.confirmed) return stay(flow);
  if (!match) return cancel(flow, 'm.mismatched_sas');
  const own = keyIds(flow.self.deviceId, known.ownDevice, known.ownMaster);
  const macs = sasMacs(sas.shared, flow.self, party(flow), flow.id, own);
  const message: FlowMessage = {
    type: 'm.key.verification.mac',
    content: { transaction_id: flow.id, ...macs },
  };
  const confirmed: SasState = { ...sas, confirmed: true };
  const next: Flow = { ...flow, sas: confirmed, phase: 'waiting' };
  if (sas.theirMacs === undefined) return { flow: next, send: [message] };
  const finished = finish(next, confirmed, sas.theirMacs, known);
  return { flow: finished.flow, send: [message, ...finished.send] };
};

/** `m.key.verification.mac`: counts when our user has confirmed, too. */
export const receiveSasMac = (flow: Flow, macs: SasMacs, known: KnownKeys): Step => {
  const { sas } = flow;
  if (sas?.shared === undefined || sas.theirMacs !== undefined) return cancel(flow, 'm.unexpected_message');
  const next: SasState = { ...sas, theirMacs: macs };
  if (!sas.confirmed) return stay({ ...flow, sas: next });
  return finish({ ...flow, sas: next }, next, macs, known);
};
