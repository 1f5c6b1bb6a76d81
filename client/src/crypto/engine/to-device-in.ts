/** To-device events of a sync: frames are opened, everything else is taken for the hint it is. */
import * as z from 'zod/mini';
import { isTrustedDevice, type DeviceRecord } from '../identity/user-record.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { PROFILE_INVITE_TYPE, PROFILE_KEY_TYPE, takeInvite, takeProfileKey } from '../profiles/hand-out.ts';
import { takeKeyRequest } from './answering.ts';
import { APP_MESSAGE_TYPE, takeAppMessage } from './app-messages.ts';
import { lookAgain } from './directory.ts';
import { takeWithheld, keyArrived, KEY_REQUEST_TYPE, KEY_WITHHELD_TYPE } from './healing.ts';
import { KEY_SHARE_TYPE, takeShare } from './key-share.ts';
import { LINK_SECRETS_TYPE, linkSecretFor } from './link-state.ts';
import { takeLinkSecrets } from './linking.ts';
import type { Op } from './op.ts';
import {
  openFrame,
  peerOf,
  receiveSessionError,
  sealFor,
  SESSION_ERROR_TYPE,
  type InnerEvent,
  type OpenedFrame,
} from './pairwise-channel.ts';
import { APP_SECRET_TYPE, takeSecret } from './plugin-secrets.ts';
import { departureNamed } from './rooms.ts';
import { retryFrames, retryInners, stageFrame, stageInner } from './staged.ts';
import { USERS } from './tables.ts';
import { sendToDevices } from './to-device.ts';
import { isVerification, receiveVerification } from './verification.ts';

const ROTATE_TYPE = `${NAMESPACE}.rotate`;

const toDeviceEvent = z.object({
  type: z.string().check(z.maxLength(255)),
  sender: z.string().check(z.maxLength(255)),
  content: z.record(z.string(), z.unknown()),
});
const rotate = z.object({
  room: z.string().check(z.maxLength(255)),
  after: z.nullish(z.string().check(z.maxLength(255))),
  reason: z.optional(z.string().check(z.maxLength(255))),
});

/** Takes one to-device event in. What does not parse is dropped: nothing asks for it again. */
export function receiveToDevice(op: Op, raw: unknown): void {
  const parsed = toDeviceEvent.safeParse(raw);
  if (!parsed.success) return;
  const { type, sender, content } = parsed.data;
  switch (type) {
    case 'm.room.encrypted': {
      receiveFrame(op, sender, content);
      return;
    }
    case SESSION_ERROR_TYPE: {
      receiveSessionError(op, sender, content);
      return;
    }
    case ROTATE_TYPE: {
      const signal = rotate.safeParse(content);
      if (signal.success) takeRotate(op, signal.data.room, signal.data.after ?? undefined);
      return;
    }
    default: {
      if (isVerification(type)) receiveVerification(op, sender, type, content);
    }
  }
}

/** The server says that keys must change: at most it makes us change them needlessly. */
function takeRotate(op: Op, roomId: string, after: string | undefined): void {
  departureNamed(op, roomId, after);
}

function receiveFrame(op: Op, sender: string, content: unknown): void {
  const opened = openAny(op, sender, content);
  if (opened.kind === 'unknown-device') {
    stageFrame(op, sender, content);
    lookAgain(op, sender);
    return;
  }
  handle(op, sender, opened);
}

/** While this device shows a linking code, a handshake may be bound to it; any other is taken as usual. */
function openAny(op: Op, sender: string, content: unknown): OpenedFrame {
  const binding = linkSecretFor(op, sender);
  if (binding === undefined) return openFrame(op, sender, content);
  // The first try leaves nothing behind, not even the error that it would be answered with.
  const attempt: Op = { ...op, tx: op.tx.nested() };
  const bound = openFrame(attempt, sender, content, binding);
  if (bound.kind === 'refused' && bound.code === 'SESSION_ID_MISMATCH') return openFrame(op, sender, content);
  op.tx.merge(attempt.tx);
  return bound;
}

/** Takes in what was kept for a user whose devices have been fetched: what they still do not explain stays. */
export function retryStaged(op: Op, userId: string): void {
  retryFrames(op, userId, (content) =>
    attempt(op, (nested) => {
      const opened = openAny(nested, userId, content);
      if (opened.kind === 'unknown-device') return false;
      handle(nested, userId, opened);
      return true;
    }),
  );
  const user = op.tx.get(USERS, userId);
  retryInners(op, userId, (ed25519, inner) =>
    attempt(op, (nested) => {
      const device = Object.values(user?.devices ?? {}).find((listed) => listed.ed25519 === ed25519);
      if (device === undefined || !isTrustedDevice(user, device)) return false;
      takeInner(nested, userId, device, inner);
      return true;
    }),
  );
}

/** Each by itself: one that breaks something is let go, and takes no other with it. */
function attempt(op: Op, use: (nested: Op) => boolean): boolean {
  const nested: Op = { ...op, tx: op.tx.nested() };
  try {
    const done = use(nested);
    op.tx.merge(nested.tx);
    return done;
  } catch (error) {
    if (!isCryptoError(error)) throw error;
    return true;
  }
}

function handle(op: Op, sender: string, opened: Exclude<OpenedFrame, { kind: 'unknown-device' }>): void {
  if (opened.kind === 'refused') {
    if (opened.error === undefined) return;
    const { device, content } = opened.error;
    const messages = { [sender]: { [device.deviceId]: content } };
    sendToDevices(op, SESSION_ERROR_TYPE, messages, { for: 'toDevice' });
    return;
  }
  if (opened.answer !== undefined) answer(op, sender, opened.device);
  if (opened.kind === 'empty') return;
  if (opened.inner.type === LINK_SECRETS_TYPE) {
    takeLinkSecrets(op, sender, opened.session.sid, opened.inner.content);
    return;
  }
  if (!isTrustedDevice(op.tx.get(USERS, sender), opened.device)) {
    // A new device speaks as soon as it is signed, and what it says may overtake its signature. What plugins say is of
    // the moment: a call that rings hours later is worse than none.
    if (opened.inner.type !== APP_MESSAGE_TYPE) stageInner(op, sender, opened.device.ed25519, opened.inner);
    lookAgain(op, sender);
    return;
  }
  takeInner(op, sender, opened.device, opened.inner);
}

/** What a device says that its owner signed. */
function takeInner(op: Op, sender: string, device: DeviceRecord, { type, content }: InnerEvent): void {
  switch (type) {
    case KEY_SHARE_TYPE: {
      const taken = takeShare(op, content);
      if (taken !== undefined) keyArrived(op, taken.roomId, taken.kid);
      return;
    }
    case KEY_REQUEST_TYPE: {
      takeKeyRequest(op, sender, device, content);
      return;
    }
    case KEY_WITHHELD_TYPE: {
      takeWithheld(op, sender, device, content);
      return;
    }
    case PROFILE_KEY_TYPE: {
      takeProfileKey(op, sender, content);
      return;
    }
    case PROFILE_INVITE_TYPE: {
      takeInvite(op, sender, content);
      return;
    }
    case APP_MESSAGE_TYPE: {
      takeAppMessage(op, sender, device, content);
      return;
    }
    case APP_SECRET_TYPE: {
      takeSecret(op, sender, content);
      return;
    }
    default:
      return;
  }
}

/** An empty answer, so that the peer's frames get short and the ratchet turns. */
function answer(op: Op, userId: string, device: DeviceRecord): void {
  const content = sealFor(op, peerOf(userId, device), undefined);
  if (content === undefined) return;
  const messages = { [userId]: { [device.deviceId]: content } };
  sendToDevices(op, 'm.room.encrypted', messages, { for: 'toDevice' });
}
