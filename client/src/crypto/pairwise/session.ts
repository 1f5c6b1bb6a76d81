import { concat } from '../primitives/bytes.ts';
import { hmacSha256, sha256 } from '../primitives/hash.ts';
import { mlKemDecapsulate, mlKemEncapsulate } from '../primitives/ml-kem.ts';
import type { Random } from '../primitives/random.ts';
import { type Secret, wipeAll } from '../primitives/secret.ts';
import { generateX25519 } from '../primitives/x25519.ts';
import type { XWingKeyPair } from '../primitives/xwing.ts';
import type { OneTimePrekey, PrekeyBundle, SignedPrekey } from '../prekeys/types.ts';
import { initiatorRatchet, responderRatchet } from '../ratchet/ratchet.ts';
import { ratchetSecrets, type RatchetState } from '../ratchet/state.ts';
import { x3dhInitiate, x3dhRespond } from '../x3dh/x3dh.ts';
import { type LocalDevice, type PeerDevice, publicDevice } from './device.ts';
import { equalBytes } from '../primitives/bytes.ts';
import { PairwiseError } from './errors.ts';
import type { Frame, Hello } from './frame.ts';
import { RATCHET_LABELS, x3dhInfo } from './labels.ts';
import { transcriptHash } from './transcript.ts';

/** Progress of the post-quantum refresh (`refresh.ts`). */
export type RefreshState = {
  /** Clock (ms) of the last refresh, or of the handshake. */
  readonly since: number;
  /** Frames in both directions since then. */
  readonly messages: number;
  /** Refreshes completed. */
  readonly completed: number;
  /** Initiator: our outstanding offer. */
  readonly offer: XWingKeyPair | undefined;
  /** Responder: the peer's offer, to be answered at our next turn. */
  readonly peerOffer: Uint8Array | undefined;
  /** Responder: our answer, repeated along the current sending chain. */
  readonly answer: Uint8Array | undefined;
};

/**
 * One pairwise session. Immutable, like the ratchet inside it: each operation returns the session to store next and
 * the caller commits it before anything leaves the device.
 */
export type Session = {
  readonly sid: Uint8Array;
  readonly role: 'initiator' | 'responder';
  readonly peer: PeerDevice;
  readonly transcript: Uint8Array;
  /** Equal on both sides and never sent: binds other protocols to this session (`confirmationTag`). */
  readonly confirm: Secret<'confirm'>;
  /** Initiator: sent with every frame until an authenticated answer arrives. */
  readonly hello: Hello | undefined;
  readonly ratchet: RatchetState;
  readonly refresh: RefreshState;
  readonly createdAt: number;
  /** Frames received since we last sent one: an idle side answers now and then, so that the ratchet turns. */
  readonly unanswered: number;
};

const EMPTY = new Uint8Array(0);

const startRefresh = (now: number): RefreshState => ({
  since: now,
  messages: 0,
  completed: 0,
  offer: undefined,
  peerOffer: undefined,
  answer: undefined,
});

export type OpenInput = {
  readonly local: LocalDevice;
  readonly peer: PeerDevice;
  /** Out of `verifyBundle`. */
  readonly bundle: PrekeyBundle;
  /** A secret that both sides share already, to bind the session to (linking a device by QR code). */
  readonly binding?: Uint8Array;
  readonly now: number;
  readonly random: Random;
};

/**
 * Starts a session with a peer from its prekeys: four agreements (three without a one-time prekey) and the KEM.
 *
 * @throws PairwiseError SAME_DEVICE; PrimitiveError LOW_ORDER_POINT or INVALID_PUBLIC_KEY on hostile keys
 */
export const openSession = (input: OpenInput): Session => {
  const { local, peer, bundle, now, random } = input;
  const self = publicDevice(local);
  if (equalBytes(self.x25519, peer.x25519)) throw new PairwiseError('SAME_DEVICE');
  const { signed, oneTime } = bundle;
  const { ciphertext, shared } = mlKemEncapsulate(signed.kem, random);
  const ephemeral = generateX25519(random);
  try {
    const transcript = transcriptHash({
      initiator: self,
      responder: peer,
      ephemeral: ephemeral.public,
      kemCiphertext: ciphertext,
      prekeys: {
        signedPrekeyId: signed.id,
        signedPrekey: signed.x25519,
        kem: signed.kem,
        oneTime: oneTime && { id: oneTime.id, public: oneTime.x25519 },
      },
      binding: input.binding ?? EMPTY,
    });
    const handshake = x3dhInitiate(
      {
        identity: local.x25519.secret,
        ephemeral: ephemeral.secret,
        peerIdentity: peer.x25519,
        peerSignedPrekey: signed.x25519,
        peerOneTimePrekey: oneTime?.x25519,
      },
      shared,
      x3dhInfo(transcript),
    );
    return {
      sid: handshake.sid,
      role: 'initiator',
      peer,
      transcript,
      confirm: handshake.confirm,
      hello: {
        identity: self.x25519,
        signing: self.ed25519,
        ephemeral: ephemeral.public,
        signedPrekeyId: signed.id,
        oneTimePrekeyId: oneTime?.id,
        kemCiphertext: ciphertext,
      },
      ratchet: initiatorRatchet(handshake, signed.x25519, random, RATCHET_LABELS),
      refresh: startRefresh(now),
      createdAt: now,
      unanswered: 0,
    };
  } finally {
    wipeAll([shared, ephemeral.secret]);
  }
};

export type AcceptInput = {
  readonly local: LocalDevice;
  readonly peer: PeerDevice;
  readonly frame: Frame;
  readonly hello: Hello;
  /** Those that the hello names. */
  readonly signed: SignedPrekey;
  readonly oneTime: OneTimePrekey | undefined;
  readonly binding?: Uint8Array;
  readonly now: number;
};

/**
 * The responder's session for a handshake, before its first frame has been decrypted: until then nothing about it is
 * proven but that the session id fits. Wipe it (`sessionSecrets`) if that decryption fails.
 *
 * @throws PairwiseError SAME_DEVICE, SENDER_MISMATCH, SESSION_ID_MISMATCH; PrimitiveError LOW_ORDER_POINT
 */
export const acceptSession = (input: AcceptInput): Session => {
  const { local, peer, frame, hello, signed, oneTime, now } = input;
  const self = publicDevice(local);
  if (equalBytes(self.x25519, peer.x25519)) throw new PairwiseError('SAME_DEVICE');
  if (!equalBytes(hello.identity, peer.x25519) || !equalBytes(hello.signing, peer.ed25519))
    throw new PairwiseError('SENDER_MISMATCH');
  const transcript = transcriptHash({
    initiator: peer,
    responder: self,
    ephemeral: hello.ephemeral,
    kemCiphertext: hello.kemCiphertext,
    prekeys: {
      signedPrekeyId: signed.id,
      signedPrekey: signed.keys.public,
      kem: signed.kem.public,
      oneTime: oneTime && { id: oneTime.id, public: oneTime.keys.public },
    },
    binding: input.binding ?? EMPTY,
  });
  using shared = mlKemDecapsulate(signed.kem.secret, hello.kemCiphertext);
  const handshake = x3dhRespond(
    {
      identity: local.x25519.secret,
      signedPrekey: signed.keys.secret,
      oneTimePrekey: oneTime?.keys.secret,
      peerIdentity: peer.x25519,
      peerEphemeral: hello.ephemeral,
    },
    shared,
    x3dhInfo(transcript),
  );
  if (!equalBytes(handshake.sid, frame.sid)) {
    wipeAll([handshake.root, handshake.chain, handshake.confirm]);
    throw new PairwiseError('SESSION_ID_MISMATCH');
  }
  return {
    sid: handshake.sid,
    role: 'responder',
    peer,
    transcript,
    confirm: handshake.confirm,
    hello: undefined,
    ratchet: responderRatchet(handshake, signed.keys),
    refresh: startRefresh(now),
    createdAt: now,
    unanswered: 0,
  };
};

/** Every secret of a session, to wipe one that is dropped. */
export const sessionSecrets = (session: Session): Secret[] => {
  const secrets: Secret[] = [session.confirm, ...ratchetSecrets(session.ratchet)];
  if (session.refresh.offer !== undefined) secrets.push(session.refresh.offer.secret);
  return secrets;
};

/** The secrets of `before` that `after` no longer holds: wipe them once `after` is committed. */
export const retiredSessionSecrets = (before: Session, after: Session): Secret[] => {
  const kept = new Set(sessionSecrets(after));
  return sessionSecrets(before).filter((secret) => !kept.has(secret));
};

/** What the peer's copy of this session must show too: a tag over `purpose` that only its two ends can compute. */
export const confirmationTag = (session: Session, purpose: Uint8Array): Uint8Array =>
  hmacSha256(session.confirm.expose(), purpose);

/** Associated data of a frame: header, then the transcript's hash. */
export const frameAad = (header: Uint8Array, session: Session): Uint8Array =>
  concat(header, session.transcript);

/** Names a handshake without a one-time prekey, to refuse its replay for as long as its signed prekey lives. */
export const ephemeralHash = (hello: Hello): Uint8Array => sha256(hello.ephemeral);
