import { createCipheriv, createDecipheriv } from 'node:crypto';

import { concat, equalBytes } from '../../src/crypto/primitives/bytes.ts';
import { hmacSha256 } from '../../src/crypto/primitives/hash.ts';
import { hkdfSha256 } from '../../src/crypto/primitives/hkdf.ts';
import type { MessageKey } from '../../src/crypto/primitives/kdf-chain.ts';
import type { RatchetHeader } from '../../src/crypto/ratchet/state.ts';
import { SIGNAL_MESSAGE_INFO } from './signal-labels.ts';

/** Signal's version 3 framing (protobuf) and its AES-256-CBC with a truncated HMAC: the test adapter's half. */

/** Message version 3 (no KEM) in the high half, the newest version the sender knows, 4, in the low. */
const VERSION = 0x34;
const MAC_BYTES = 8;
/** Type byte in front of serialised Curve25519 keys. */
const DJB = 0x05;

class SignalFrameError extends Error {}

/** A public key as Signal serialises it. */
export const signalKey = (key: Uint8Array): Buffer => Buffer.from([DJB, ...key]);

/** Inverse of `signalKey`. */
export const rawKey = (key: Uint8Array): Uint8Array => {
  if (key.length !== 33 || key[0] !== DJB) throw new SignalFrameError('public key');
  return Uint8Array.from(key.subarray(1));
};

type Fields = Map<number, number | Uint8Array>;

const readVarint = (bytes: Uint8Array, start: number): [value: number, next: number] => {
  let value = 0;
  for (let at = start; at < start + 5; at++) {
    const byte = bytes[at];
    if (byte === undefined) break;
    value += (byte & 127) * 2 ** (7 * (at - start));
    if (byte < 128) return [value, at + 1];
  }
  throw new SignalFrameError('varint');
};

const readFields = (bytes: Uint8Array): Fields => {
  const fields: Fields = new Map();
  let at = 0;
  while (at < bytes.length) {
    const [tag, valueAt] = readVarint(bytes, at);
    const [value, next] = readVarint(bytes, valueAt);
    const wire = tag & 7;
    if (wire === 0) {
      fields.set(tag >>> 3, value);
      at = next;
    } else if (wire === 2 && next + value <= bytes.length) {
      fields.set(tag >>> 3, Uint8Array.from(bytes.subarray(next, next + value)));
      at = next + value;
    } else throw new SignalFrameError('wire type');
  }
  return fields;
};

const varint = (value: number): number[] =>
  value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];

const writeFields = (fields: readonly (readonly [number, number | Uint8Array])[]): Uint8Array =>
  concat(
    ...fields.flatMap(([id, value]) =>
      typeof value === 'number'
        ? [Uint8Array.from([...varint(id * 8), ...varint(value)])]
        : [Uint8Array.from([...varint(id * 8 + 2), ...varint(value.length)]), value],
    ),
  );

const bytesField = (fields: Fields, id: number): Uint8Array => {
  const value = fields.get(id);
  if (!(value instanceof Uint8Array)) throw new SignalFrameError(`field ${id}`);
  return value;
};

const numberField = (fields: Fields, id: number): number => {
  const value = fields.get(id) ?? 0;
  if (typeof value !== 'number') throw new SignalFrameError(`field ${id}`);
  return value;
};

const open = (bytes: Uint8Array): Fields => {
  if (bytes[0] !== VERSION) throw new SignalFrameError('version');
  return readFields(bytes.subarray(1));
};

/** What the MAC is keyed over beside the message: the two identity keys. */
export type Identities = { readonly sender: Uint8Array; readonly receiver: Uint8Array };

const derive = (messageKey: MessageKey): { cipherKey: Uint8Array; macKey: Uint8Array; iv: Uint8Array } => {
  const okm = hkdfSha256({ ikm: messageKey.expose(), info: SIGNAL_MESSAGE_INFO, length: 80 });
  return { cipherKey: okm.subarray(0, 32), macKey: okm.subarray(32, 64), iv: okm.subarray(64) };
};

const macOf = (macKey: Uint8Array, { sender, receiver }: Identities, body: Uint8Array): Uint8Array =>
  hmacSha256(macKey, concat(signalKey(sender), signalKey(receiver), body)).subarray(0, MAC_BYTES);

/** Encrypts and frames a SignalMessage. */
export const sealSignal = (
  messageKey: MessageKey,
  header: RatchetHeader,
  identities: Identities,
  plaintext: Uint8Array,
): Uint8Array => {
  const { cipherKey, macKey, iv } = derive(messageKey);
  const cipher = createCipheriv('aes-256-cbc', cipherKey, iv);
  const ciphertext = concat(cipher.update(plaintext), cipher.final());
  const body = concat(
    Uint8Array.of(VERSION),
    writeFields([
      [1, signalKey(header.dh)],
      [2, header.n],
      [3, header.pn],
      [4, ciphertext],
    ]),
  );
  return concat(body, macOf(macKey, identities, body));
};

export type SignalFrame = {
  readonly header: RatchetHeader;
  readonly body: Uint8Array;
  readonly mac: Uint8Array;
  readonly ciphertext: Uint8Array;
};

/**
 * Reads a SignalMessage's clear part. Signal writes the index of the last message of the previous chain where the
 * specification, like ours, writes how many there were; 0 stands for none or one.
 */
export const readSignal = (bytes: Uint8Array): SignalFrame => {
  if (bytes.length < MAC_BYTES + 1) throw new SignalFrameError('length');
  const body = bytes.subarray(0, bytes.length - MAC_BYTES);
  const fields = open(body);
  return {
    header: { dh: rawKey(bytesField(fields, 1)), n: numberField(fields, 2), pn: numberField(fields, 3) + 1 },
    body,
    mac: bytes.subarray(bytes.length - MAC_BYTES),
    ciphertext: bytesField(fields, 4),
  };
};

/** Authenticates and decrypts; throws SignalFrameError. */
export const openSignal = (
  messageKey: MessageKey,
  frame: SignalFrame,
  identities: Identities,
): Uint8Array => {
  const { cipherKey, macKey, iv } = derive(messageKey);
  if (!equalBytes(macOf(macKey, identities, frame.body), frame.mac)) throw new SignalFrameError('mac');
  const decipher = createDecipheriv('aes-256-cbc', cipherKey, iv);
  return concat(decipher.update(frame.ciphertext), decipher.final());
};

export type SignalHello = {
  readonly registrationId: number;
  readonly preKeyId: number | undefined;
  readonly signedPreKeyId: number;
  readonly baseKey: Uint8Array;
  readonly identity: Uint8Array;
};

/** Frames a PreKeySignalMessage. */
export const wrapHello = (hello: SignalHello, message: Uint8Array): Uint8Array => {
  const fields: [number, number | Uint8Array][] = [[5, hello.registrationId]];
  if (hello.preKeyId !== undefined) fields.push([1, hello.preKeyId]);
  fields.push([6, hello.signedPreKeyId], [2, signalKey(hello.baseKey)], [3, signalKey(hello.identity)]);
  fields.push([4, message]);
  return concat(Uint8Array.of(VERSION), writeFields(fields));
};

/** Reads a PreKeySignalMessage: the hello, and the SignalMessage inside. */
export const unwrapHello = (bytes: Uint8Array): { hello: SignalHello; message: Uint8Array } => {
  const fields = open(bytes);
  return {
    hello: {
      registrationId: numberField(fields, 5),
      preKeyId: fields.has(1) ? numberField(fields, 1) : undefined,
      signedPreKeyId: numberField(fields, 6),
      baseKey: rawKey(bytesField(fields, 2)),
      identity: rawKey(bytesField(fields, 3)),
    },
    message: bytesField(fields, 4),
  };
};
