import { PrivateKey, PublicKey } from '@signalapp/libsignal-client';

import { systemRandom } from '../../src/crypto/primitives/random.ts';
import { generateX25519, type X25519KeyPair } from '../../src/crypto/primitives/x25519.ts';
import {
  initiatorRatchet,
  ratchetReceive,
  ratchetSend,
  responderRatchet,
  turnIfDue,
} from '../../src/crypto/ratchet/ratchet.ts';
import type { RatchetState } from '../../src/crypto/ratchet/state.ts';
import { x3dhInitiate, x3dhRespond } from '../../src/crypto/x3dh/x3dh.ts';
import {
  openSignal,
  readSignal,
  sealSignal,
  type SignalHello,
  signalKey,
  unwrapHello,
  wrapHello,
} from './signal-frame.ts';
import { SIGNAL_RATCHET_LABELS, SIGNAL_X3DH_INFO } from './signal-labels.ts';

/** Bob's published keys, in Signal's terms. */
export type SignalBundle = {
  readonly identity: Uint8Array;
  readonly signedPreKeyId: number;
  readonly signedPreKey: Uint8Array;
  readonly signature: Uint8Array;
  readonly preKeyId: number;
  readonly preKey: Uint8Array;
};

/**
 * The product's x3dh/ and ratchet/ speaking Signal's version 3 on the wire. The adapter supplies the labels, AEAD,
 * framing and XEdDSA signatures (from libsignal), and leaves the KEM off; nothing else is its own.
 */
export class OurSignal {
  readonly identity = generateX25519(systemRandom);
  readonly signedPreKey = generateX25519(systemRandom);
  readonly oneTime = new Map<number, X25519KeyPair>();
  ratchet: RatchetState | undefined;
  #peer: Uint8Array | undefined;
  #hello: SignalHello | undefined;
  /** Replaces the labels, to show that the test would notice. */
  readonly #info: Uint8Array;

  constructor(info = SIGNAL_X3DH_INFO) {
    this.#info = info;
  }

  /** Bob: publishes a one-time prekey and the signed prekey. */
  publish(preKeyId: number): SignalBundle {
    const oneTime = generateX25519(systemRandom);
    this.oneTime.set(preKeyId, oneTime);
    const key = PrivateKey.deserialize(Buffer.from(this.identity.secret.expose()));
    return {
      identity: this.identity.public,
      signedPreKeyId: 7,
      signedPreKey: this.signedPreKey.public,
      signature: key.sign(signalKey(this.signedPreKey.public)),
      preKeyId,
      preKey: oneTime.public,
    };
  }

  /** Alice: opens a session from Bob's bundle. */
  start(bundle: SignalBundle): void {
    const signer = PublicKey.deserialize(signalKey(bundle.identity));
    if (!signer.verify(signalKey(bundle.signedPreKey), Buffer.from(bundle.signature)))
      throw new Error('prekey signature');
    const ephemeral = generateX25519(systemRandom);
    const handshake = x3dhInitiate(
      {
        identity: this.identity.secret,
        ephemeral: ephemeral.secret,
        peerIdentity: bundle.identity,
        peerSignedPrekey: bundle.signedPreKey,
        peerOneTimePrekey: bundle.preKey,
      },
      undefined,
      this.#info,
    );
    this.ratchet = initiatorRatchet(handshake, bundle.signedPreKey, systemRandom, SIGNAL_RATCHET_LABELS);
    this.#peer = bundle.identity;
    this.#hello = {
      registrationId: 1,
      preKeyId: bundle.preKeyId,
      signedPreKeyId: bundle.signedPreKeyId,
      baseKey: ephemeral.public,
      identity: this.identity.public,
    };
  }

  /** Encrypts; `hello` says that the frame is a PreKeySignalMessage. */
  send(text: string): { readonly hello: boolean; readonly bytes: Uint8Array } {
    const peer = this.#peer;
    if (this.ratchet === undefined || peer === undefined) throw new Error('no session');
    const sent = ratchetSend(turnIfDue(this.ratchet, systemRandom, SIGNAL_RATCHET_LABELS));
    const identities = { sender: this.identity.public, receiver: peer };
    const message = sealSignal(sent.messageKey, sent.header, identities, Buffer.from(text));
    this.ratchet = sent.next;
    if (this.#hello === undefined) return { hello: false, bytes: message };
    return { hello: true, bytes: wrapHello(this.#hello, message) };
  }

  #accept(hello: SignalHello): RatchetState {
    const oneTime = hello.preKeyId === undefined ? undefined : this.oneTime.get(hello.preKeyId);
    if (hello.preKeyId !== undefined && oneTime === undefined) throw new Error('one-time prekey is spent');
    const handshake = x3dhRespond(
      {
        identity: this.identity.secret,
        signedPrekey: this.signedPreKey.secret,
        oneTimePrekey: oneTime?.secret,
        peerIdentity: hello.identity,
        peerEphemeral: hello.baseKey,
      },
      undefined,
      this.#info,
    );
    return responderRatchet(handshake, this.signedPreKey);
  }

  /** Decrypts; nothing changes when it throws. */
  receive(bytes: Uint8Array, isHello: boolean): string {
    const outer = isHello ? unwrapHello(bytes) : undefined;
    const hello = this.ratchet === undefined ? outer?.hello : undefined;
    const ratchet = hello === undefined ? this.ratchet : this.#accept(hello);
    const peer = this.#peer ?? hello?.identity;
    if (ratchet === undefined || peer === undefined) throw new Error('no session');
    const frame = readSignal(outer?.message ?? bytes);
    const identities = { sender: peer, receiver: this.identity.public };
    const { next, output } = ratchetReceive(ratchet, frame.header, 0, SIGNAL_RATCHET_LABELS, (key) =>
      openSignal(key, frame, identities),
    );
    this.ratchet = next;
    this.#peer = peer;
    this.#hello = undefined;
    if (hello?.preKeyId !== undefined) this.oneTime.delete(hello.preKeyId);
    return Buffer.from(output).toString();
  }
}
