/**
 * Sending into a room: brings the room's epoch up to date, hands its key to whoever lacks it, then encrypts. Each call
 * does at most one slice of work and says whether to call again at once, to wait for an answer, or that it is done.
 */
import { commitment, generationKey, MAX_GENERATION } from '../group/epoch.ts';
import { MAX_ADDITIONS, type EpochRecord } from '../group/epoch-record.ts';
import { GroupError } from '../group/errors.ts';
import { MAX_ADDS_PER_MESSAGE, sealMessage, type Addition, type GroupContent } from '../group/message.ts';
import type { RoomRecord } from '../group/room-record.ts';
import { CHAIN_LENGTH, SALT_BYTES, SenderChain } from '../group/sender-chain.ts';
import { fromBase64Url, toBase64Url } from '../primitives/base64.ts';
import { GROUP_ALGORITHM, NAMESPACE } from '../primitives/names.ts';
import { jsonTable, type Table } from '../../vault/table.ts';
import { awaitMembers, honourAwaited, promiseCurrent, unawaited } from './awaited-members.ts';
import { chooseEpoch, COUNTS, createEpoch, isAhead, missingDevices } from './choose-epoch.ts';
import { awaitsQuery } from './directory.ts';
import { EngineError } from './engine-error.ts';
import { deviceName, type Op } from './op.ts';
import type { EncryptedEvent } from './protocol/messages.ts';
import { OUTBOX } from './requests.ts';
import { currentRoster } from './rooms.ts';
import { settledRoom } from './settled-room.ts';
import { dropPlan, PLANS, RECENT_EPOCHS, SENDING, type SendingSlot } from './sending-slot.ts';
import { planEpoch, startPlan, workOnPlan } from './share-plan.ts';
import { EPOCHS, ROOMS, TOPS } from './tables.ts';

export type Progress = 'again' | 'wait' | 'ready';

/** Ciphertexts by transaction id until the server has them: a retry sends the very same bytes. */
export const SENT: Table<{ readonly content: GroupContent; readonly at: number }> = jsonTable('sent');
/** Clear flag for the server's push: somebody is mentioned, not who. */
const MENTIONS_FLAG = `${NAMESPACE}.mentions`;

/** Does the next slice of what has to happen before something can be sent. @throws EngineError */
export function prepareSend(op: Op, roomId: string): Progress {
  const room = settledRoom(op, roomId);
  if (room?.membership !== 'join') throw new EngineError('NOT_JOINED');
  if (!room.everEncrypted) throw new EngineError('NOT_ENCRYPTED_ROOM');
  if (room.algorithm !== GROUP_ALGORITHM) throw new EngineError('UNSUPPORTED_ALGORITHM');
  // A hand-out goes on slice by slice: whatever would end it (a departure, a removed device) has dropped the plan.
  const running = op.tx.get(PLANS, roomId);
  if (running !== undefined && (running.unplanned === true || running.parts.length > 0))
    return workOnPlan(op, roomId);
  if (!room.membersComplete) {
    op.memory.wantMembers.add(roomId);
    return 'wait';
  }
  for (const [userId, { membership }] of Object.entries(room.members))
    if (membership === 'join' && awaitsQuery(op, userId)) return 'wait';
  const roster = currentRoster(op, room);
  if (roster[op.self.userId]?.[op.self.deviceId] === undefined) throw new EngineError('IDENTITY_MISSING');
  // Before anybody is added at the next generation: who was awaited has a right to an earlier one.
  honourAwaited(op);
  const plan = op.tx.get(PLANS, roomId);
  const record = chooseEpoch(op, room, roster);
  if (record === undefined) {
    // In a large room this is a slice's worth of work by itself.
    begin(op, room, roster);
    return 'again';
  }
  if (plan !== undefined && plan.kid !== record.kid) dropPlan(op, roomId);
  const missing = missingDevices(op, record, roster);
  const late = promiseCurrent(op, room, record);
  if (missing.length + late.length > 0 && !isAhead(room, record)) {
    if (addMembers(op, room, record, missing, late) === undefined) {
      retireEpochs(op, room, record);
      begin(op, room, roster);
    }
    return 'again';
  }
  if (op.tx.get(PLANS, roomId) !== undefined) return workOnPlan(op, roomId);
  if (sharesOutstanding(op, record.kid)) return 'wait';
  const latest = op.tx.get(ROOMS, roomId) ?? room;
  if (latest.sendingKid !== record.kid) op.tx.put(ROOMS, roomId, { ...latest, sendingKid: record.kid });
  return 'ready';
}

/** No joiner is added to this epoch any more, nor to any other when the timeline had a gap. */
function retireEpochs(op: Op, room: RoomRecord, record: EpochRecord): void {
  const kids = room.gap ? room.epochs.slice(-RECENT_EPOCHS) : [record.kid];
  for (const kid of kids) {
    const epoch = op.tx.get(EPOCHS, kid);
    if (epoch !== undefined && !epoch.full) op.tx.put(EPOCHS, kid, { ...epoch, full: true });
  }
  if (room.gap) op.tx.put(ROOMS, room.roomId, { ...room, gap: false });
}

/** Starts a fresh epoch and plans its hand-out to the whole roster. */
function begin(op: Op, room: RoomRecord, roster: ReturnType<typeof currentRoster>): void {
  dropPlan(op, room.roomId);
  const record = createEpoch(op, room, roster);
  planEpoch(op, record);
  awaitMembers(op, room.roomId, record.kid, 0, unawaited(op, room, record.kid));
}

/**
 * Joiners get the next generation only: they cannot read back. Those who have not signed yet (`late`) are promised it.
 * Undefined when the epoch cannot grow any further.
 */
function addMembers(
  op: Op,
  room: RoomRecord,
  record: EpochRecord,
  missing: readonly (readonly [string, string, string])[],
  late: readonly string[],
): EpochRecord | undefined {
  const g = Math.max(record.top, op.tx.get(TOPS, record.kid) ?? 0) + 1;
  const full = record.adds.length + missing.length > MAX_ADDITIONS || missing.length > MAX_ADDS_PER_MESSAGE;
  if (full || room.gap || g > MAX_GENERATION) return undefined;
  const adds: Addition[] = missing.map(([user, device, ed25519]) => ({ user, device, ed25519, g }));
  const grown = { ...record, top: g, adds: [...record.adds, ...adds] };
  op.tx.put(EPOCHS, record.kid, grown);
  const slot = freshSlot(op, grown, op.tx.get(SENDING, room.roomId));
  op.tx.put(SENDING, room.roomId, { ...slot, adds: [...slot.adds, ...adds].slice(-MAX_ADDS_PER_MESSAGE) });
  awaitMembers(op, room.roomId, record.kid, g, late);
  if (missing.length === 0) return grown;
  startPlan(
    op,
    grown,
    g,
    missing.map(([user, device]) => deviceName(user, device)),
  );
  return grown;
}

const sharesOutstanding = (op: Op, kid: string): boolean =>
  op.tx.entries(OUTBOX).some(([, { purpose }]) => purpose.for === 'toDevice' && purpose.kid === kid);

/** The slot to send the next message with: a new salt for another epoch, generation or run, or after CHAIN_LENGTH. */
function freshSlot(op: Op, record: EpochRecord, slot: SendingSlot | undefined): SendingSlot {
  const goesOn =
    slot?.kid === record.kid &&
    slot.g === record.top &&
    slot.boot === op.memory.boot &&
    slot.n < CHAIN_LENGTH;
  if (goesOn) return slot;
  return {
    kid: record.kid,
    g: record.top,
    salt: toBase64Url(op.random(SALT_BYTES)),
    n: 0,
    boot: op.memory.boot,
    adds: slot?.kid === record.kid ? slot.adds : [],
  };
}

export type OutgoingMessage = {
  readonly roomId: string;
  readonly txnId: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
};

/** Encrypts when the room is ready; otherwise says what to do first. */
export function encryptEvent(op: Op, message: OutgoingMessage): EncryptedEvent | Exclude<Progress, 'ready'> {
  const name = `${message.roomId}|${message.txnId}`;
  const sent = op.tx.get(SENT, name);
  if (sent !== undefined)
    return { type: 'm.room.encrypted', content: clearParts(sent.content, message.content) };
  const progress = prepareSend(op, message.roomId);
  if (progress !== 'ready') return progress;
  const content = encryptNow(op, message);
  op.tx.put(SENT, name, { content, at: op.now });
  return { type: 'm.room.encrypted', content: clearParts(content, message.content) };
}

function encryptNow(op: Op, { roomId, type, content }: OutgoingMessage): GroupContent {
  const room = op.tx.get(ROOMS, roomId);
  const record = room?.sendingKid === undefined ? undefined : op.tx.get(EPOCHS, room.sendingKid);
  if (room === undefined || record === undefined) throw new EngineError('INTERNAL', 'no epoch');
  const slot = freshSlot(op, record, op.tx.get(SENDING, roomId));
  const key = generationKey(record.key, record.g, slot.g);
  const header = {
    device_id: op.self.deviceId,
    kid: record.kid,
    g: slot.g,
    kc: commitment(key, roomId, slot.g),
    after: record.epoch.after,
  };
  const salt = fromBase64Url(slot.salt);
  const chain = op.memory.chains.get(
    chainName(record.kid, slot.g, op.self.userId, op.self.deviceId, slot.salt),
    () => new SenderChain(key, salt, op.self.userId, op.self.deviceId),
  );
  key.wipe();
  const body = {
    room: roomId,
    sender: op.self.userId,
    device: op.self.deviceId,
    seen: room.recent,
    adds: slot.adds,
    type,
    content,
  };
  try {
    const sealed = sealMessage(header, { salt, n: slot.n }, body, chain, op.self.ed25519.secret);
    op.tx.put(SENDING, roomId, { ...slot, n: slot.n + 1, adds: [] });
    op.tx.put(COUNTS, record.kid, (op.tx.get(COUNTS, record.kid) ?? 0) + 1);
    return sealed;
  } catch (error) {
    if (error instanceof GroupError && error.code === 'TOO_LARGE') throw new EngineError('EVENT_TOO_LARGE');
    throw error;
  }
}

/** Name of a chain in the cache; begins with the kid, so that a closed epoch's chains can be dropped. */
export const chainName = (kid: string, g: number, user: string, device: string, salt: string): string =>
  `${kid}|${g}|${salt}|${deviceName(user, device)}`;

type Relation = { readonly key?: unknown };

/** What stands in clear beside the ciphertext: the relation without a reaction's key, and that someone is mentioned. */
function clearParts(
  sealed: GroupContent,
  content: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const relation = content['m.relates_to'];
  const mentions = content['m.mentions'];
  const { key: _key, ...shown } = (isObject(relation) ? relation : {}) as Relation;
  return {
    ...sealed,
    ...(isObject(relation) ? { 'm.relates_to': shown } : {}),
    ...(isObject(mentions) && Object.keys(mentions).length > 0 ? { [MENTIONS_FLAG]: true } : {}),
  };
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
