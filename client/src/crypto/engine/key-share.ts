/** `chat.nyx.key_share`: how an epoch's key travels, inside pairwise frames only. */
import * as z from 'zod/mini';
import {
  commitment,
  epochKid,
  epochSchema,
  generationKey,
  GROUP_KEY_BYTES,
  MAX_GENERATION,
  rosterHash,
  rosterSchema,
  rosterSize,
  verifyEpoch,
  type GroupKey,
} from '../group/epoch.ts';
import type { EpochRecord } from '../group/epoch-record.ts';
import { emptyRoom, MAX_EPOCHS_PER_ROOM } from '../group/room-record.ts';
import { isTrustedDevice } from '../identity/user-record.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { Secret } from '../primitives/secret.ts';
import type { Op } from './op.ts';
import type { InnerEvent } from './pairwise-channel.ts';
import { BACKUP_TODO, EPOCHS, ROOMS, USERS } from './tables.ts';

export const KEY_SHARE_TYPE = `${NAMESPACE}.key_share`;
/** Rosters up to this many devices travel with the key; larger ones are recomputed and compared by hash. */
export const MAX_INLINE_ROSTER = 24;

const shareSchema = z.object({
  epoch: epochSchema,
  signature: z.string().check(z.length(86)),
  g: z.number().check(z.int(), z.minimum(0), z.maximum(MAX_GENERATION)),
  key: z.string().check(z.length(43)),
  roster: z.optional(rosterSchema),
});

/** The share of an epoch from generation `g` on. */
export function makeShare(record: EpochRecord, g: number): InnerEvent {
  const key = generationKey(record.key, record.g, g);
  const inline = record.roster !== undefined && rosterSize(record.roster) <= MAX_INLINE_ROSTER;
  const content = {
    epoch: record.epoch,
    signature: record.signature,
    g,
    key: toBase64(key.expose()),
    ...(inline ? { roster: record.roster } : {}),
  };
  key.wipe();
  return { type: KEY_SHARE_TYPE, content };
}

/** The epoch's room and name when a share taught us something, else undefined. */
export type TakenShare = { readonly roomId: string; readonly kid: string } | undefined;

/** Takes a share out of a pairwise frame. Shares that contradict what is proven change nothing. */
export function takeShare(op: Op, content: unknown, imported = false): TakenShare {
  const parsed = shareSchema.safeParse(content);
  if (!parsed.success) return undefined;
  const { epoch, signature, g, roster } = parsed.data;
  if (roster !== undefined && rosterHash(roster) !== epoch.roster) return undefined;
  const key = readKey(parsed.data.key);
  if (key === undefined) return undefined;
  const proven = g === 0 && commitment(key, epoch.room, 0) === epoch.kc;
  if (g === 0 && !proven) return undefined;
  const kid = epochKid(epoch);
  const known = op.tx.get(EPOCHS, kid);
  const fresh: EpochRecord = {
    kid,
    epoch,
    signature,
    roster,
    adds: [],
    g,
    key,
    top: g,
    proven,
    closedAt: undefined,
    full: false,
    imported,
    vouched: {},
    backedUp: imported,
  };
  const next = known === undefined ? fresh : merge(known, fresh);
  if (next === undefined) return undefined;
  if (!enterEpoch(op, next)) return undefined;
  return { roomId: epoch.room, kid };
}

function merge(known: EpochRecord, fresh: EpochRecord): EpochRecord | undefined {
  const roster = known.roster ?? fresh.roster;
  if (fresh.g >= known.g) {
    // Nothing new but perhaps the roster, unless what we have was never proven and does not fit.
    if (!known.proven && fresh.proven) return { ...known, ...pick(fresh), roster };
    if (!known.proven && !sameKey(known, fresh)) return { ...known, ...pick(fresh), roster };
    return known.roster === undefined && roster !== undefined ? { ...known, roster } : undefined;
  }
  // A lower generation must lead to the one we have, unless ours is the unproven one.
  const leads = sameKey(fresh, known);
  if (!leads && known.proven) return undefined;
  return {
    ...known,
    ...pick(fresh),
    proven: fresh.proven || (leads && known.proven),
    roster,
    backedUp: false,
  };
}

const pick = ({ g, key, proven }: EpochRecord): Pick<EpochRecord, 'g' | 'key' | 'proven'> => ({
  g,
  key,
  proven,
});

/** Whether the key of `low` leads to that of `high`. */
function sameKey(low: EpochRecord, high: EpochRecord): boolean {
  if (low.g > high.g) return false;
  const derived = generationKey(low.key, low.g, high.g);
  const same = toBase64(derived.expose()) === toBase64(high.key.expose());
  derived.wipe();
  return same;
}

/** Stores an epoch and lists it under its room. False when the room has too many. */
export function enterEpoch(op: Op, record: EpochRecord): boolean {
  const roomId = record.epoch.room;
  const room = op.tx.get(ROOMS, roomId) ?? emptyRoom(roomId);
  if (!room.epochs.includes(record.kid)) {
    if (room.epochs.length >= MAX_EPOCHS_PER_ROOM) return false;
    op.tx.put(ROOMS, roomId, { ...room, epochs: [...room.epochs, record.kid] });
  }
  op.tx.put(EPOCHS, record.kid, record);
  if (!record.backedUp) op.tx.put(BACKUP_TODO, record.kid, true);
  return true;
}

/** Whether the epoch was signed by its creator's device, which is one we trust. */
export function isSignedEpoch(op: Op, { epoch, signature }: EpochRecord): boolean {
  const user = op.tx.get(USERS, epoch.creator);
  const device = user?.devices[epoch.device];
  if (epoch.creator === op.self.userId && epoch.device === op.self.deviceId)
    return verifyEpoch(epoch, signature, toBase64(op.self.ed25519.public));
  return (
    device !== undefined && isTrustedDevice(user, device) && verifyEpoch(epoch, signature, device.ed25519)
  );
}

function readKey(text: string): GroupKey | undefined {
  try {
    const bytes = fromBase64(text);
    return bytes.length === GROUP_KEY_BYTES ? Secret.take('group-key', bytes) : undefined;
  } catch {
    return undefined;
  }
}
