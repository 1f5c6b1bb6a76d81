import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { x25519 } from '@noble/curves/ed25519.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { ml_kem768_x25519 as xwing } from '@noble/post-quantum/hybrid.js';
import { ml_kem768 } from '@noble/post-quantum/ml-kem.js';

/**
 * The pairwise protocol once more, written from e2ee.md over @noble/* and sharing no line with the product: enough of
 * it to send a conversation whose frames all arrive in order. Fed with the same randomness it must give the same
 * bytes.
 */

type Bytes = Uint8Array;
type Random = (length: number) => Bytes;
type Ratchet = { readonly secret: Bytes; readonly public: Bytes };

export type NobleDevice = {
  readonly userId: string;
  readonly deviceId: string;
  readonly ed25519: Bytes;
  readonly x25519: Bytes;
};

export type NoblePrekeys = {
  readonly spkId: number;
  readonly spk: Bytes;
  readonly kem: Bytes;
  readonly otpkId: number;
  readonly otpk: Bytes | undefined;
};

const text = (value: string): Bytes => utf8ToBytes(value);
const u32 = (value: number): Bytes => {
  const out = new Uint8Array(4);
  new DataView(out.buffer).setUint32(0, value);
  return out;
};
const prefixed = (value: Bytes): Bytes => concatBytes(u32(value.length), value);
const maybe = (value: Bytes | undefined): Bytes =>
  value === undefined ? Uint8Array.of(0) : concatBytes(Uint8Array.of(1), value);

const SUITE = 'chat.nyx/x3dh/1/X25519+ML-KEM-768/HKDF-SHA256/XChaCha20-Poly1305';

const transcript = (
  a: NobleDevice,
  b: NobleDevice,
  ephemeral: Bytes,
  keys: NoblePrekeys,
  ciphertext: Bytes,
): Bytes => {
  const device = (d: NobleDevice): Bytes =>
    concatBytes(
      prefixed(text(d.userId)),
      prefixed(text(d.deviceId)),
      prefixed(d.x25519),
      prefixed(d.ed25519),
    );
  const oneTime = keys.otpk && concatBytes(u32(keys.otpkId), prefixed(keys.otpk));
  return sha256(
    concatBytes(
      prefixed(text(SUITE)),
      device(a),
      device(b),
      prefixed(ephemeral),
      u32(keys.spkId),
      prefixed(keys.spk),
      prefixed(keys.kem),
      maybe(oneTime),
      prefixed(ciphertext),
      u32(0),
    ),
  );
};

const BUCKETS = [512, 1024, 2048, 4096, 12_288, 45_056];
const pad = (content: Bytes): Bytes => {
  const size = BUCKETS.find((bucket) => bucket >= content.length + 4) ?? 0;
  return concatBytes(u32(content.length), content, new Uint8Array(size - content.length - 4));
};

const party = (d: NobleDevice): Bytes =>
  concatBytes(prefixed(text(d.userId)), prefixed(text(d.deviceId)), d.ed25519);

/** One side of a conversation. */
export class NoblePeer {
  readonly #random: Random;
  readonly #self: NobleDevice;
  readonly #peer: NobleDevice;
  readonly #transcript: Bytes;
  readonly sid: Bytes;
  readonly confirm: Bytes;
  #hello: Bytes | undefined;
  #root: Bytes;
  #own: Ratchet;
  #sending: Bytes | undefined;
  #n = 0;
  #pn = 0;
  #theirs: Bytes | undefined;
  #count = 0;
  #offer: { secretKey: Bytes; publicKey: Bytes } | undefined;
  #peerOffer: Bytes | undefined;
  #answer: Bytes | undefined;
  #mixOnSend: Bytes | undefined;
  #mixOnReceive: Bytes | undefined;
  readonly #initiator: boolean;

  private constructor(init: {
    random: Random;
    self: NobleDevice;
    peer: NobleDevice;
    transcript: Bytes;
    secret: Bytes;
    own: Ratchet;
    initiator: boolean;
  }) {
    const info = concatBytes(text('chat.nyx/x3dh/1'), init.transcript);
    const okm = hkdf(sha256, init.secret, new Uint8Array(32), info, 96);
    this.#random = init.random;
    this.#self = init.self;
    this.#peer = init.peer;
    this.#transcript = init.transcript;
    this.#own = init.own;
    this.#initiator = init.initiator;
    this.#root = okm.slice(0, 32);
    this.#sending = okm.slice(32, 64);
    this.sid = okm.slice(64, 80);
    this.confirm = okm.slice(80);
  }

  static initiate(
    random: Random,
    self: NobleDevice,
    identity: Bytes,
    peer: NobleDevice,
    keys: NoblePrekeys,
  ): NoblePeer {
    const kem = ml_kem768.encapsulate(keys.kem, random(32));
    const ephemeral = random(32);
    const ephemeralPublic = x25519.getPublicKey(ephemeral);
    const dh = x25519.getSharedSecret;
    const secret = concatBytes(
      new Uint8Array(32).fill(255),
      dh(identity, keys.spk),
      dh(ephemeral, peer.x25519),
      dh(ephemeral, keys.spk),
      keys.otpk === undefined ? new Uint8Array(0) : dh(ephemeral, keys.otpk),
      kem.sharedSecret,
    );
    const made = new NoblePeer({
      random,
      self,
      peer,
      transcript: transcript(self, peer, ephemeralPublic, keys, kem.cipherText),
      secret,
      own: { secret: ephemeral, public: ephemeralPublic },
      initiator: true,
    });
    made.#hello = concatBytes(
      self.x25519,
      self.ed25519,
      ephemeralPublic,
      u32(keys.spkId),
      u32(keys.otpkId),
      Uint8Array.of(1088 >> 8, 1088 & 255),
      kem.cipherText,
    );
    made.#theirs = keys.spk;
    made.#turn();
    return made;
  }

  static respond(
    random: Random,
    self: NobleDevice,
    secrets: { identity: Bytes; spk: Bytes; otpk: Bytes | undefined; kem: Bytes },
    peer: NobleDevice,
    keys: NoblePrekeys,
    frame: Bytes,
  ): NoblePeer {
    const ephemeral = frame.slice(18 + 64, 18 + 96);
    const ciphertext = frame.slice(18 + 106, 18 + 106 + 1088);
    const dh = x25519.getSharedSecret;
    const secret = concatBytes(
      new Uint8Array(32).fill(255),
      dh(secrets.spk, peer.x25519),
      dh(secrets.identity, ephemeral),
      dh(secrets.spk, ephemeral),
      secrets.otpk === undefined ? new Uint8Array(0) : dh(secrets.otpk, ephemeral),
      ml_kem768.decapsulate(ciphertext, secrets.kem),
    );
    return new NoblePeer({
      random,
      self,
      peer,
      transcript: transcript(peer, self, ephemeral, keys, ciphertext),
      secret,
      own: { secret: secrets.spk, public: keys.spk },
      initiator: false,
    });
  }

  #step(mixed: Bytes | undefined): Bytes {
    const shared = x25519.getSharedSecret(this.#own.secret, this.#theirs ?? new Uint8Array(32));
    const label = mixed === undefined ? 'chat.nyx/ratchet/1' : 'chat.nyx/ratchet-mixed/1';
    const okm = hkdf(sha256, concatBytes(shared, mixed ?? new Uint8Array(0)), this.#root, text(label), 64);
    this.#root = okm.slice(0, 32);
    return okm.slice(32);
  }

  #turn(): void {
    const secret = this.#random(32);
    this.#own = { secret, public: x25519.getPublicKey(secret) };
    if (this.#mixOnSend !== undefined) this.#count = 0;
    this.#sending = this.#step(this.#mixOnSend);
    this.#mixOnSend = undefined;
    this.#n = 0;
    if (this.#peerOffer === undefined) return;
    const { cipherText, sharedSecret } = xwing.encapsulate(this.#peerOffer, this.#random(64));
    this.#mixOnReceive = sharedSecret;
    this.#answer = cipherText;
    this.#peerOffer = undefined;
  }

  #aead(messageKey: Bytes, header: Bytes) {
    const okm = hkdf(sha256, messageKey, undefined, text('chat.nyx/msg/1'), 56);
    return xchacha20poly1305(okm.slice(0, 32), okm.slice(32), concatBytes(header, this.#transcript));
  }

  send(content: string): Bytes {
    if (this.#sending === undefined) this.#turn();
    const due = this.#initiator && this.#hello === undefined && this.#offer === undefined;
    if (due && this.#mixOnSend === undefined && this.#count >= 50)
      this.#offer = xwing.keygen(this.#random(32));
    const chain = this.#sending ?? new Uint8Array(32);
    const messageKey = hmac(sha256, chain, Uint8Array.of(1));
    this.#sending = hmac(sha256, chain, Uint8Array.of(2));
    const header = concatBytes(
      Uint8Array.of(1, this.#hello === undefined ? 1 : 0),
      this.sid,
      this.#hello ?? new Uint8Array(0),
      this.#own.public,
      u32(this.#pn),
      u32(this.#n++),
    );
    const envelope = concatBytes(
      Uint8Array.of(1),
      party(this.#self),
      party(this.#peer),
      maybe(this.#offer?.publicKey),
      maybe(this.#answer),
      prefixed(text(content)),
    );
    this.#count++;
    return concatBytes(header, this.#aead(messageKey, header).encrypt(pad(envelope)));
  }

  #receiving: Bytes | undefined;

  receive(frame: Bytes): string {
    const at = frame[1] === 0 ? 18 + 106 + 1088 : 18;
    const header = frame.slice(0, at + 40);
    const dh = frame.slice(at, at + 32);
    const turned = this.#theirs === undefined || !Buffer.from(dh).equals(this.#theirs);
    if (turned) {
      const mixed = this.#mixOnReceive;
      this.#theirs = dh;
      this.#receiving = this.#step(mixed);
      if (mixed !== undefined) this.#count = 0;
      this.#mixOnReceive = undefined;
      if (mixed !== undefined) this.#answer = undefined;
      this.#pn = this.#n;
      this.#sending = undefined;
    }
    const chain = this.#receiving ?? new Uint8Array(32);
    const messageKey = hmac(sha256, chain, Uint8Array.of(1));
    this.#receiving = hmac(sha256, chain, Uint8Array.of(2));
    const padded = this.#aead(messageKey, header).decrypt(frame.slice(header.length));
    const inner = padded.slice(4, 4 + new DataView(padded.buffer).getUint32(0));
    const parties = concatBytes(Uint8Array.of(1), party(this.#peer), party(this.#self));
    if (!Buffer.from(inner.slice(0, parties.length)).equals(parties)) throw new Error('parties');
    let cursor = parties.length;
    const optional = (length: number): Bytes | undefined => {
      if (inner[cursor++] === 0) return undefined;
      cursor += length;
      return inner.slice(cursor - length, cursor);
    };
    const offer = optional(1216);
    const answer = optional(1120);
    if (turned && answer !== undefined && this.#offer !== undefined) {
      this.#mixOnSend = xwing.decapsulate(answer, this.#offer.secretKey);
      this.#offer = undefined;
    }
    if (offer !== undefined && this.#answer === undefined) this.#peerOffer = offer;
    this.#hello = undefined;
    this.#count++;
    return new TextDecoder().decode(inner.slice(cursor + 4));
  }
}
