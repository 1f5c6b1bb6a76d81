import { Writer } from '../primitives/codec.ts';
import { sha256 } from '../primitives/hash.ts';
import type { PeerDevice } from './device.ts';
import type { Hello } from './frame.ts';
import { SUITE } from './labels.ts';

/** The public keys of the responder that a handshake used. */
export type HandshakePrekeys = {
  readonly signedPrekeyId: number;
  readonly signedPrekey: Uint8Array;
  readonly kem: Uint8Array;
  readonly oneTime: { readonly id: number; readonly public: Uint8Array } | undefined;
};

export type TranscriptInput = {
  readonly initiator: PeerDevice;
  readonly responder: PeerDevice;
  readonly ephemeral: Hello['ephemeral'];
  readonly kemCiphertext: Hello['kemCiphertext'];
  readonly prekeys: HandshakePrekeys;
  /** A secret both sides share already (linking a device by QR code), or empty. */
  readonly binding: Uint8Array;
};

const writeDevice = (writer: Writer, device: PeerDevice): void => {
  writer.text(device.userId).text(device.deviceId).bytes(device.x25519).bytes(device.ed25519);
};

/**
 * SHA-256 of everything the two sides must agree on: suite, users, devices, every public key, every prekey id and the
 * KEM ciphertext, each with its length. Both halves of the handshake derive from it, so that a key substituted
 * anywhere, an identity misbound or a re-encapsulated ciphertext gives two different sessions.
 */
export const transcriptHash = (input: TranscriptInput): Uint8Array => {
  const writer = new Writer(4096).text(SUITE);
  writeDevice(writer, input.initiator);
  writeDevice(writer, input.responder);
  const { prekeys } = input;
  writer.bytes(input.ephemeral).u32(prekeys.signedPrekeyId).bytes(prekeys.signedPrekey).bytes(prekeys.kem);
  writer.optional(prekeys.oneTime, (w, { id, public: key }) => w.u32(id).bytes(key));
  return sha256(writer.bytes(input.kemCiphertext).bytes(input.binding).finish());
};
