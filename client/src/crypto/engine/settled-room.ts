/** A room with its membership signatures judged. */
import type { RoomRecord } from '../group/room-record.ts';
import { settleProofs } from '../identity/settle-proofs.ts';
import type { Op } from './op.ts';
import { KNOWN_MEMBERS, ROOMS, USERS } from './tables.ts';

/** The room with its membership proofs judged by what is known now; stored when that changed something. */
export function settledRoom(op: Op, roomId: string): RoomRecord | undefined {
  const room = op.tx.get(ROOMS, roomId);
  if (room === undefined) return undefined;
  const settled = settleProofs(room, (userId) => op.tx.get(USERS, userId), op.tx.get(KNOWN_MEMBERS, roomId));
  if (settled !== room) op.tx.put(ROOMS, roomId, settled);
  return settled;
}
