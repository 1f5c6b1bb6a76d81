/**
 * Group messages: `{algorithm, device_id, kid, g, kc, after, ciphertext: b64(01 | salt 16 | n u32 | sealed)}`. Sealed is the
 * padded body and the sending device's Ed25519 signature over header and body: a shared key alone would let any
 * member speak as any other (e2ee.md section 0.5).
 */
import * as z from 'zod/mini';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { concat, fromUtf8, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import {
  ED25519_SIGNATURE_BYTES,
  ed25519Sign,
  ed25519Verify,
  type Ed25519Secret,
} from '../primitives/ed25519.ts';
import { GROUP_ALGORITHM } from '../primitives/names.ts';
import { MAX_PADDED_CONTENT, pad, unpad } from '../primitives/padding.ts';
import { xchachaOpen, xchachaSeal } from '../primitives/xchacha.ts';
import { GroupError } from './errors.ts';
import { SALT_BYTES, type SenderChain } from './sender-chain.ts';

const VERSION = 1;
const PREFIX_BYTES = 1 + SALT_BYTES + 4;
/** Largest ciphertext text: the largest padding bucket, prefix and tag in base64. */
const MAX_CIPHERTEXT = 60_200;
const MAX_TYPE_BYTES = 255;
const MAX_ID_BYTES = 255;
const MAX_SEEN = 3;
/** Later additions to the roster announced in one message. */
export const MAX_ADDS_PER_MESSAGE = 100;

export const groupContentSchema = z.object({
  algorithm: z.literal(GROUP_ALGORITHM),
  /** The sending device: its subkey, and whom to ask when the key is missing. Servers know it anyway. */
  device_id: z.string().check(z.minLength(1), z.maxLength(255)),
  kid: z.string().check(z.length(22)),
  g: z.number().check(z.int(), z.nonnegative()),
  kc: z.string().check(z.length(22)),
  after: z.nullable(z.string().check(z.maxLength(255))),
  ciphertext: z.string().check(z.maxLength(MAX_CIPHERTEXT)),
});
export type GroupContent = z.infer<typeof groupContentSchema>;

/** In clear, and bound into seal and signature. */
export type GroupHeader = Pick<GroupContent, 'device_id' | 'kid' | 'g' | 'kc' | 'after'>;

/** A device added after the epoch began, readable from generation `g`. */
export type Addition = {
  readonly user: string;
  readonly device: string;
  readonly ed25519: string;
  readonly g: number;
};

export type GroupBody = {
  readonly room: string;
  readonly sender: string;
  readonly device: string;
  /** The last event ids the sender had seen, oldest first. */
  readonly seen: readonly string[];
  readonly adds: readonly Addition[];
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
};

export type OpenedMessage = {
  readonly body: GroupBody;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
};

/** Where in a chain a message stands. */
export type ChainPosition = { readonly salt: Uint8Array; readonly n: number };

/** Seals and signs. Throws TOO_LARGE when the content does not fit an event. */
export function sealMessage(
  header: GroupHeader,
  position: ChainPosition,
  body: GroupBody,
  chain: SenderChain,
  secret: Ed25519Secret,
): GroupContent {
  const aad = headerBytes(header, position);
  const encoded = encodeBody(body, header, position.n);
  if (encoded.length + ED25519_SIGNATURE_BYTES > MAX_PADDED_CONTENT)
    throw new GroupError('TOO_LARGE', `${encoded.length} bytes`);
  const signature = ed25519Sign(secret, signedPart(aad, encoded));
  const { key, nonce } = chain.messageKey(position.n);
  const sealed = xchachaSeal({ key, nonce, aad }, pad(concat(encoded, signature)));
  key.fill(0);
  const prefix = new Writer(PREFIX_BYTES).u8(VERSION).fixed(position.salt).u32(position.n).finish();
  return { algorithm: GROUP_ALGORITHM, ...header, ciphertext: toBase64(concat(prefix, sealed)) };
}

export type GroupFrame = ChainPosition & { readonly sealed: Uint8Array };

/** Splits a ciphertext. Throws MALFORMED or UNSUPPORTED_VERSION. */
export function readFrame(ciphertext: string): GroupFrame {
  let bytes: Uint8Array;
  try {
    bytes = fromBase64(ciphertext);
  } catch {
    throw new GroupError('MALFORMED', 'base64');
  }
  if (bytes.length <= PREFIX_BYTES) throw new GroupError('MALFORMED', 'short');
  const reader = new Reader(bytes);
  if (reader.u8() !== VERSION) throw new GroupError('UNSUPPORTED_VERSION');
  return { salt: reader.fixed(SALT_BYTES), n: reader.u32(), sealed: bytes.subarray(PREFIX_BYTES) };
}

/**
 * Opens a message: the content is not to be believed before `verifyMessage`. Throws AUTHENTICATION_FAILED,
 * HEADER_MISMATCH (inner and outer disagree), MALFORMED or OUT_OF_BOUNDS.
 */
export function openMessage(header: GroupHeader, frame: GroupFrame, chain: SenderChain): OpenedMessage {
  const aad = headerBytes(header, frame);
  const { key, nonce } = chain.messageKey(frame.n);
  let padded: Uint8Array;
  try {
    padded = xchachaOpen({ key, nonce, aad }, frame.sealed);
  } catch {
    throw new GroupError('AUTHENTICATION_FAILED');
  } finally {
    key.fill(0);
  }
  try {
    const plain = unpad(padded);
    const encoded = plain.subarray(0, plain.length - ED25519_SIGNATURE_BYTES);
    const signature = plain.slice(encoded.length);
    return { body: decodeBody(encoded, header, frame.n), signed: signedPart(aad, encoded), signature };
  } catch (error) {
    if (error instanceof GroupError) throw error;
    throw new GroupError('MALFORMED', 'body');
  }
}

/** Whether the message was signed by this Ed25519 key. */
export const verifyMessage = (message: OpenedMessage, ed25519: Uint8Array): boolean =>
  ed25519Verify(ed25519, message.signed, message.signature);

const headerBytes = (header: GroupHeader, { salt, n }: ChainPosition): Uint8Array =>
  new Writer(192)
    .text('chat.nyx/epoch.v1')
    .text(header.device_id)
    .text(header.kid)
    .u32(header.g)
    .text(header.kc)
    .optional(header.after ?? undefined, (out, after) => out.text(after))
    .fixed(salt)
    .u32(n)
    .finish();

const signedPart = (aad: Uint8Array, encoded: Uint8Array): Uint8Array =>
  new Writer(encoded.length + aad.length + 32).text('chat.nyx/gsig/1').bytes(aad).bytes(encoded).finish();

function encodeBody(body: GroupBody, header: GroupHeader, n: number): Uint8Array {
  return new Writer(1024)
    .text(body.room)
    .text(header.kid)
    .u32(header.g)
    .u32(n)
    .text(body.sender)
    .text(body.device)
    .list(body.seen.slice(-MAX_SEEN), (out, id) => out.text(id))
    .list(body.adds, (out, add) => out.text(add.user).text(add.device).text(add.ed25519).u32(add.g))
    .text(body.type)
    .bytes(utf8(JSON.stringify(body.content)))
    .finish();
}

function decodeBody(encoded: Uint8Array, header: GroupHeader, n: number): GroupBody {
  const reader = new Reader(encoded);
  const room = reader.text(MAX_ID_BYTES);
  const same = reader.text(22) === header.kid && reader.u32() === header.g && reader.u32() === n;
  if (!same) throw new GroupError('HEADER_MISMATCH');
  const body = {
    room,
    sender: reader.text(MAX_ID_BYTES),
    device: sameText(reader.text(MAX_ID_BYTES), header.device_id),
    seen: reader.list(MAX_SEEN, (input) => input.text(MAX_ID_BYTES)),
    adds: reader.list(MAX_ADDS_PER_MESSAGE, (input) => ({
      user: input.text(MAX_ID_BYTES),
      device: input.text(MAX_ID_BYTES),
      ed25519: input.text(43),
      g: input.u32(),
    })),
    type: reader.text(MAX_TYPE_BYTES),
    content: parseObject(fromUtf8(reader.bytes(MAX_PADDED_CONTENT))),
  };
  reader.end();
  return body;
}

function sameText(inner: string, outer: string): string {
  if (inner !== outer) throw new GroupError('HEADER_MISMATCH');
  return inner;
}

const objectSchema = z.record(z.string(), z.unknown());

function parseObject(json: string): Record<string, unknown> {
  const parsed = objectSchema.safeParse(JSON.parse(json));
  if (!parsed.success) throw new GroupError('MALFORMED', 'content');
  return parsed.data;
}
