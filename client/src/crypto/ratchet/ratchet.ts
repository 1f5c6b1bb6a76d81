import { concat, equalBytes } from '../primitives/bytes.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { chainStep, type ChainKey, type MessageKey } from '../primitives/kdf-chain.ts';
import type { KemSharedSecret } from '../primitives/ml-kem.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { generateX25519, x25519, type X25519KeyPair } from '../primitives/x25519.ts';
import type { Handshake, RootKey } from '../x3dh/x3dh.ts';
import { MAX_CHAIN_LENGTH, MAX_JUMP } from './bounds.ts';
import { closeChain, keepChains, passChain, takeSkipped } from './chains.ts';
import { RatchetError } from './errors.ts';
import type { RatchetHeader, RatchetLabels, RatchetState, ReceivingChain } from './state.ts';

/**
 * The Double Ratchet (Signal, "The Double Ratchet Algorithm", revision 1) with Signal's derivations. Two choices:
 * our own turn is made by the next send instead of by the receipt, so that a forged frame never costs a key
 * generation; and a chain that the peer has left keeps its chain key up to the announced length instead of storing
 * every message key at once.
 */

type RootStep = { readonly root: RootKey; readonly chainKey: ChainKey };

const rootStep = (
  root: RootKey,
  own: X25519KeyPair,
  peer: Uint8Array,
  mixed: KemSharedSecret | undefined,
  labels: RatchetLabels,
): RootStep => {
  using shared = x25519(own.secret, peer);
  const ikm = mixed === undefined ? shared.expose() : concat(shared.expose(), mixed.expose());
  const okm = hkdfSha256({
    ikm,
    salt: root.expose(),
    info: mixed === undefined ? labels.root : labels.mixedRoot,
    length: 64,
  });
  ikm.fill(0);
  const step: RootStep = {
    root: Secret.copy('root-key', okm.subarray(0, 32)),
    chainKey: Secret.copy('chain-key', okm.subarray(32, 64)),
  };
  okm.fill(0);
  return step;
};

const openChain = (dh: Uint8Array, chainKey: ChainKey): ReceivingChain => ({
  dh,
  chainKey,
  n: 0,
  end: undefined,
  closedAt: undefined,
  skipped: [],
});

/** The initiator's state after the handshake: the peer's signed prekey is its first ratchet key. */
export const initiatorRatchet = (
  handshake: Handshake,
  peerSignedPrekey: Uint8Array,
  random: Random,
  labels: RatchetLabels,
): RatchetState => {
  const own = generateX25519(random);
  const { root, chainKey } = rootStep(handshake.root, own, peerSignedPrekey, undefined, labels);
  handshake.root.wipe();
  return {
    root,
    own,
    sending: { chainKey, n: 0 },
    previousCount: 0,
    receiving: [openChain(peerSignedPrekey, handshake.chain)],
    mixOnSend: undefined,
    mixOnReceive: undefined,
  };
};

/** The responder's state: its first ratchet key is a copy of the signed prekey, which its first answer replaces. */
export const responderRatchet = (handshake: Handshake, signedPrekey: X25519KeyPair): RatchetState => ({
  root: handshake.root,
  own: { secret: Secret.copy('x25519', signedPrekey.secret.expose()), public: signedPrekey.public },
  sending: { chainKey: handshake.chain, n: 0 },
  previousCount: 0,
  receiving: [],
  mixOnSend: undefined,
  mixOnReceive: undefined,
});

/** Makes our turn if it is due: a fresh ratchet key and sending chain, mixing in a waiting KEM secret. */
export const turnIfDue = (state: RatchetState, random: Random, labels: RatchetLabels): RatchetState => {
  if (state.sending !== undefined) return state;
  const peer = state.receiving[0];
  // A turn falls due only by receiving on a new chain.
  if (peer === undefined) throw new RatchetError('UNEXPECTED_RATCHET_KEY');
  const own = generateX25519(random);
  const { root, chainKey } = rootStep(state.root, own, peer.dh, state.mixOnSend, labels);
  return { ...state, root, own, sending: { chainKey, n: 0 }, mixOnSend: undefined };
};

export type Sent = {
  readonly next: RatchetState;
  readonly header: RatchetHeader;
  /** For this frame alone; the caller wipes it when the frame is sealed. */
  readonly messageKey: MessageKey;
};

/** Takes the next message key of the sending chain. Call `turnIfDue` first. */
export const ratchetSend = (state: RatchetState): Sent => {
  const { sending } = state;
  if (sending === undefined) throw new RatchetError('UNEXPECTED_RATCHET_KEY');
  if (sending.n >= MAX_CHAIN_LENGTH) throw new RatchetError('CHAIN_EXHAUSTED');
  const { messageKey, next } = chainStep(sending.chainKey);
  return {
    next: { ...state, sending: { chainKey: next, n: sending.n + 1 } },
    header: { dh: state.own.public, pn: state.previousCount, n: sending.n },
    messageKey,
  };
};

export type Opened<T> = {
  readonly next: RatchetState;
  readonly output: T;
  /** Whether the frame turned the ratchet, and whether it belongs to the newest chain. */
  readonly turned: boolean;
  readonly newest: boolean;
};

/** Tries `open` with the key for counter `n` of a chain; the key lives no longer than the attempt. */
const openAt = <T>(
  chain: ReceivingChain,
  n: number,
  now: number,
  open: (key: MessageKey) => T,
): { readonly output: T; readonly chain: ReceivingChain } => {
  if (chain.end !== undefined && n >= chain.end) throw new RatchetError('PAST_CHAIN_END');
  const { chainKey } = chain;
  if (chainKey === undefined) throw new RatchetError('MESSAGE_KEY_USED');
  if (n - chain.n > MAX_JUMP) throw new RatchetError('JUMP_TOO_FAR');
  const { messageKey, next } = chainStep(chainKey, n - chain.n);
  try {
    return { output: open(messageKey), chain: passChain(chain, chainKey, n, next, now) };
  } catch (error) {
    next.wipe();
    throw error;
  } finally {
    messageKey.wipe();
  }
};

const receiveTurn = <T>(
  state: RatchetState,
  header: RatchetHeader,
  now: number,
  labels: RatchetLabels,
  open: (key: MessageKey) => T,
): Opened<T> => {
  if (state.sending === undefined) throw new RatchetError('UNEXPECTED_RATCHET_KEY');
  if (header.n > MAX_JUMP) throw new RatchetError('JUMP_TOO_FAR');
  const { root, chainKey } = rootStep(state.root, state.own, header.dh, state.mixOnReceive, labels);
  try {
    const { output, chain } = openAt(openChain(header.dh, chainKey), header.n, now, open);
    const [left, ...older] = state.receiving;
    const closed = left === undefined ? [] : [closeChain(left, header.pn, now)];
    const next: RatchetState = {
      ...state,
      root,
      sending: undefined,
      previousCount: state.sending.n,
      receiving: keepChains([chain, ...closed, ...older], now),
      mixOnReceive: undefined,
    };
    chainKey.wipe();
    return { next, output, turned: true, newest: true };
  } catch (error) {
    root.wipe();
    chainKey.wipe();
    throw error;
  }
};

/**
 * Finds the key for a frame and hands it to `open`, which authenticates and decrypts. Only when `open` returns is
 * there a next state; on any error the state that was passed in stays good.
 *
 * @throws RatchetError, LOW_ORDER_POINT, and whatever `open` throws.
 */
export const ratchetReceive = <T>(
  state: RatchetState,
  header: RatchetHeader,
  now: number,
  labels: RatchetLabels,
  open: (key: MessageKey) => T,
): Opened<T> => {
  const at = state.receiving.findIndex((chain) => equalBytes(chain.dh, header.dh));
  const chain = state.receiving[at];
  if (chain === undefined) return receiveTurn(state, header, now, labels, open);
  const newest = at === 0;
  const replace = (changed: ReceivingChain): RatchetState => ({
    ...state,
    receiving: keepChains(state.receiving.with(at, changed), now),
  });
  if (header.n >= chain.n) {
    const opened = openAt(chain, header.n, now, open);
    return { next: replace(opened.chain), output: opened.output, turned: false, newest };
  }
  const { key, rest } = takeSkipped(chain, header.n, now);
  return { output: open(key), next: replace(rest), turned: false, newest };
};
