/** Linking a device: the code that the new one shows, and what either side remembers meanwhile. */
import type { LinkingState } from '../engine/protocol/flows.ts';
import { MAX_ID_BYTES, type PeerDevice } from '../pairwise/device.ts';
import { equalBytes, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { Secret } from '../primitives/secret.ts';
import { QrError } from './verification/qr-code.ts';

/** A code is good for this long. */
export const LINK_LIFETIME_MS = 10 * 60 * 1000;
export const LINK_SECRET_BYTES = 32;
const MAGIC = utf8('NYXLINK1');

export type Linking = {
  readonly secret: Secret<'link'>;
  readonly startedAt: number;
  readonly phase: LinkingState['phase'];
} & (
  | {
      readonly role: 'new';
      /** Sessions whose handshake was bound to the secret (hexadecimal). */
      readonly bound: ReadonlySet<string>;
    }
  | { readonly role: 'old'; readonly device: PeerDevice; readonly signed: boolean }
);

/** What the code holds. */
export type LinkCode = { readonly device: PeerDevice; readonly secret: Secret<'link'> };

export const encodeLinkCode = (device: PeerDevice, secret: Secret<'link'>): Uint8Array =>
  new Writer(256)
    .fixed(MAGIC)
    .text(device.userId)
    .text(device.deviceId)
    .fixed(device.ed25519)
    .fixed(device.x25519)
    .fixed(secret.expose())
    .finish();

/** @throws QrError */
export const decodeLinkCode = (payload: Uint8Array): LinkCode => {
  try {
    const reader = new Reader(payload);
    if (!equalBytes(reader.fixed(MAGIC.length), MAGIC)) throw new QrError('BAD_QR', 'not a linking code');
    const device: PeerDevice = {
      userId: reader.text(MAX_ID_BYTES),
      deviceId: reader.text(MAX_ID_BYTES),
      ed25519: reader.fixed(32),
      x25519: reader.fixed(32),
    };
    const secret = Secret.take('link', reader.fixed(LINK_SECRET_BYTES));
    reader.end();
    return { device, secret };
  } catch (error) {
    if (error instanceof QrError || !isCryptoError(error)) throw error;
    throw new QrError('BAD_QR', error.code);
  }
};
