/** Reading group messages: which key, whose signature, and what to say when something does not fit. */
import { commitment, generationKey, MAX_GENERATION, type GroupKey } from '../group/epoch.ts';
import { MAX_ADDITIONS, type EpochRecord } from '../group/epoch-record.ts';
import { GroupError } from '../group/errors.ts';
import {
  groupContentSchema,
  openMessage,
  readFrame,
  verifyMessage,
  type GroupContent,
  type GroupFrame,
  type OpenedMessage,
} from '../group/message.ts';
import { CHAIN_LENGTH, SenderChain } from '../group/sender-chain.ts';
import { isTrustedDevice, trustOf } from '../identity/user-record.ts';
import { fromBase64, toBase64Url } from '../primitives/base64.ts';
import { equalBytes, utf8 } from '../primitives/bytes.ts';
import { blake2b } from '../primitives/hash.ts';
import { GROUP_ALGORITHM } from '../primitives/names.ts';
import type { Table } from '../../vault/table.ts';
import { COUNTS } from './choose-epoch.ts';
import { lookAgain } from './directory.ts';
import type { DecryptResult, MatrixEvent } from './events.ts';
import { chainName } from './group-send.ts';
import { deviceName, type Op } from './op.ts';
import { EPOCHS, ROOMS, USERS } from './tables.ts';
import { noteWaiting, withheldCode } from './waiting.ts';

/** Messages after a departure in the old epoch, later than this, are shown as late. */
export const LATE_AFTER_MS = 24 * 60 * 60 * 1000;
const SEEN_HASH_BYTES = 8;

/** Event each message number of a chain was seen in (short hashes), to recognise a ciphertext sent again. */
const SEEN: Table<Uint8Array> = {
  name: 'seen',
  encode: (value) => value.slice(),
  decode: (bytes) => bytes.slice(),
  cached: true,
};

type Outcome = DecryptResult;

/** Decrypts one event of a room. Never throws for what the event holds. */
export function decryptEvent(op: Op, roomId: string, event: MatrixEvent): Outcome {
  const eventId = event.event_id ?? '';
  const sender = event.sender ?? '';
  const lost = (code: 'malformed' | 'tampered' | 'replayed' | 'expired' | 'unsupported'): Outcome => ({
    eventId,
    state: 'lost',
    code,
  });
  if (event.content.algorithm !== GROUP_ALGORITHM) return lost('unsupported');
  const parsed = groupContentSchema.safeParse(event.content);
  if (!parsed.success || parsed.data.g > MAX_GENERATION) return lost('malformed');
  const content = parsed.data;
  const record = op.tx.get(EPOCHS, content.kid);
  if (record?.epoch.room !== roomId) {
    if (record !== undefined) return lost('tampered');
    return waiting(op, roomId, eventId, sender, content);
  }
  if (content.g < record.g) return waiting(op, roomId, eventId, sender, content);
  if (content.after !== record.epoch.after) return lost('tampered');
  try {
    return open(op, roomId, { eventId, sender }, content, record, lost);
  } catch (error) {
    if (!(error instanceof GroupError)) throw error;
    return lost(error.code === 'UNSUPPORTED_VERSION' ? 'unsupported' : codeOf(error));
  }
}

const codeOf = (error: GroupError): 'malformed' | 'tampered' =>
  error.code === 'MALFORMED' || error.code === 'OUT_OF_BOUNDS' ? 'malformed' : 'tampered';

function waiting(op: Op, roomId: string, eventId: string, sender: string, content: GroupContent): Outcome {
  const code = withheldCode(op, roomId, content.kid, content.g);
  if (code !== undefined) return { eventId, state: 'refused', code };
  const { kid, g, device_id: device } = content;
  const askSender = noteWaiting(op, { roomId, kid, g, eventId, sender, device });
  return { eventId, state: 'waiting', kid, askSender };
}

type Outer = { readonly eventId: string; readonly sender: string };

function open(
  op: Op,
  roomId: string,
  outer: Outer,
  content: GroupContent,
  record: EpochRecord,
  lost: (code: 'malformed' | 'tampered' | 'replayed') => Outcome,
): Outcome {
  const frame = readFrame(content.ciphertext);
  using key = generationKey(record.key, record.g, content.g);
  if (commitment(key, roomId, content.g) !== content.kc) {
    // Either the message lies about its key or the key we were given is planted. A proven one is not.
    if (record.proven) return lost('tampered');
    op.tx.delete(EPOCHS, record.kid);
    return waiting(op, roomId, outer.eventId, outer.sender, content);
  }
  const message = openMessage(content, frame, chainOf(op, key, content, outer.sender, frame));
  const { body } = message;
  if (body.room !== roomId) return lost('tampered');
  if (body.sender !== outer.sender)
    return { eventId: outer.eventId, state: 'unverified', code: 'sender_mismatch' };
  const verdict = verify(op, record, message);
  if (verdict.state === 'unverified') {
    if (verdict.code === 'unknown_device' || verdict.code === 'unsigned_device')
      awaitDevices(op, roomId, outer);
    return { eventId: outer.eventId, ...verdict };
  }
  if (!noteSeen(op, record, frame, outer)) return lost('replayed');
  learn(op, record, message, content.g);
  return {
    eventId: outer.eventId,
    state: 'decrypted',
    type: body.type,
    content: body.content,
    sender: body.sender,
    device: body.device,
    trust: verdict.trust,
    warnings: warnings(op, roomId, record),
    seen: body.seen,
  };
}

function chainOf(
  op: Op,
  key: GroupKey,
  content: GroupContent,
  sender: string,
  frame: GroupFrame,
): SenderChain {
  const salt = toBase64Url(frame.salt);
  return op.memory.chains.get(
    chainName(content.kid, content.g, sender, content.device_id, salt),
    () => new SenderChain(key, frame.salt, sender, content.device_id),
  );
}

type Verdict =
  | { readonly state: 'proven'; readonly trust: 'verified' | 'pinned' | 'own' }
  | {
      readonly state: 'unverified';
      readonly code:
        'unknown_device' | 'unsigned_device' | 'identity_changed' | 'bad_signature' | 'not_a_member';
    };

const unverified = (code: Extract<Verdict, { state: 'unverified' }>['code']): Verdict => ({
  state: 'unverified',
  code,
});

/** Whose device signed it, by the pinned identity of the sender (e2ee.md section 0.6). */
function verify(op: Op, record: EpochRecord, message: OpenedMessage): Verdict {
  const { sender, device } = message.body;
  if (sender === op.self.userId && device === op.self.deviceId)
    return verifyMessage(message, op.self.ed25519.public)
      ? { state: 'proven', trust: 'own' }
      : unverified('bad_signature');
  const user = op.tx.get(USERS, sender);
  const trust = trustOf(user);
  if (trust === 'changed') return unverified('identity_changed');
  const listed = user?.devices[device];
  const keys = [
    listed !== undefined && isTrustedDevice(user, listed) ? listed.ed25519 : undefined,
    ...Object.entries(user?.past ?? {}).flatMap(([key, name]) => (name === device ? [key] : [])),
    record.vouched[deviceName(sender, device)],
  ].filter((key) => key !== undefined);
  if (keys.length === 0) return unverified(listed === undefined ? 'unknown_device' : 'unsigned_device');
  if (!keys.some((key) => verifyMessage(message, fromBase64(key)))) return unverified('bad_signature');
  const room = op.tx.get(ROOMS, record.epoch.room);
  const member = room?.members[sender];
  // In a complete list a sender who never was a member was put there by the server.
  if (room?.membersComplete === true && !record.imported && member === undefined)
    return unverified('not_a_member');
  return { state: 'proven', trust: trust === 'verified' ? 'verified' : 'pinned' };
}

/** The sender's devices, or a signature on one, are not here yet; the event is decrypted again when they have come. */
function awaitDevices(op: Op, roomId: string, { eventId, sender }: Outer): void {
  lookAgain(op, sender);
  const rooms = op.memory.awaitingDevices.get(sender) ?? new Map<string, Set<string>>();
  const events = rooms.get(roomId) ?? new Set<string>();
  events.add(eventId);
  rooms.set(roomId, events);
  op.memory.awaitingDevices.set(sender, rooms);
}

/** False when this very message was seen in another event before. */
function noteSeen(op: Op, record: EpochRecord, frame: GroupFrame, { eventId, sender }: Outer): boolean {
  if (eventId === '') return true;
  const name = `${record.kid}|${toBase64Url(frame.salt)}|${sender}`;
  const known = op.tx.get(SEEN, name);
  const at = frame.n * SEEN_HASH_BYTES;
  const hash = blake2b(16, utf8(eventId)).subarray(0, SEEN_HASH_BYTES);
  const before = known?.subarray(at, at + SEEN_HASH_BYTES);
  if (before?.length === SEEN_HASH_BYTES && before.some((byte) => byte !== 0))
    return equalBytes(before, hash);
  const next = new Uint8Array(
    Math.min(CHAIN_LENGTH * SEEN_HASH_BYTES, Math.max(known?.length ?? 0, at + SEEN_HASH_BYTES)),
  );
  if (known !== undefined) next.set(known);
  next.set(hash, at);
  op.tx.put(SEEN, name, next);
  if (sender !== op.self.userId) op.tx.put(COUNTS, record.kid, (op.tx.get(COUNTS, record.kid) ?? 0) + 1);
  return true;
}

/** What a proven message teaches: the key is right, the generation is in use, these devices were added. */
function learn(op: Op, record: EpochRecord, { body }: OpenedMessage, g: number): void {
  // Two members may have added the same device at different generations: the lower one counts.
  const known = new Map(
    record.adds.map((add) => [`${deviceName(add.user, add.device)}|${add.ed25519}`, add.g]),
  );
  const adds = body.adds.filter(
    (add) =>
      add.g <= g && add.g < (known.get(`${deviceName(add.user, add.device)}|${add.ed25519}`) ?? Infinity),
  );
  if (record.proven && g <= record.top && adds.length === 0) return;
  op.tx.put(EPOCHS, record.kid, {
    ...record,
    proven: true,
    top: Math.max(record.top, g),
    adds: [...record.adds, ...adds].slice(0, MAX_ADDITIONS),
  });
}

function warnings(op: Op, roomId: string, record: EpochRecord): ('late' | 'imported')[] {
  const list: ('late' | 'imported')[] = [];
  if (record.imported) list.push('imported');
  if (op.tx.get(ROOMS, roomId) !== undefined && record.closedAt !== undefined)
    if (op.now - record.closedAt > LATE_AFTER_MS) list.push('late');
  return list;
}
