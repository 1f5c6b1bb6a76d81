import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RateLimiter } from '../../ports/rate-limiter.ts';
import { DomainError } from '../errors.ts';
import { ROTATE } from './rotation/jobs.ts';
import type { ToDeviceContents } from './to-device-contents.ts';

/** A request for a group key. Clients of ours send it inside pairwise messages; in clear it is carried under rules. */
const KEY_REQUEST = 'chat.nyx.key_request';

/** Who is in which room now. */
export interface RoomMembers {
  isJoined(room: string, userId: string): Promise<boolean>;
}

export type ScreenDeps = { readonly members: RoomMembers; readonly rateLimiter: RateLimiter };

const roomOf = ({ room, room_id: roomId }: JsonObject): string | undefined =>
  typeof room === 'string' ? room : typeof roomId === 'string' ? roomId : undefined;

/** Contents for members of the room that each one names, when `admits` holds for that room. */
const amongMembers = async (
  { members }: ScreenDeps,
  contents: ToDeviceContents,
  admits: (room: string) => Promise<boolean>,
): Promise<ToDeviceContents> => {
  const admitted = new Map<string, Promise<boolean>>();
  const isAdmitted = (room: string): Promise<boolean> => {
    const known = admitted.get(room) ?? admits(room);
    admitted.set(room, known);
    return known;
  };
  const kept = new Map<string, Map<string, JsonObject>>();
  for (const [userId, byDevice] of contents) {
    const own = new Map<string, JsonObject>();
    for (const [deviceId, content] of byDevice) {
      const room = roomOf(content);
      if (room === undefined || !(await isAdmitted(room))) continue;
      if (await members.isJoined(room, userId)) own.set(deviceId, content);
    }
    if (own.size > 0) kept.set(userId, own);
  }
  return kept;
};

/**
 * What of a request to send is carried at all. Key requests go only from members of the room they are about to members
 * of it, and not too many; signals to change a key go only to members. Everything else is none of the server's business.
 * Throws `limit_exceeded`; `forbidden` when nothing of a key request may be carried.
 */
export const screenToDevice = async (
  deps: ScreenDeps,
  {
    sender,
    type,
    contents,
  }: { readonly sender: string; readonly type: string; readonly contents: ToDeviceContents },
): Promise<ToDeviceContents> => {
  if (type === ROTATE) return amongMembers(deps, contents, () => Promise.resolve(true));
  if (type !== KEY_REQUEST) return contents;
  await deps.rateLimiter.consume('keyRequest', sender);
  const kept = await amongMembers(deps, contents, (room) => deps.members.isJoined(room, sender));
  if (kept.size === 0 && contents.size > 0)
    throw new DomainError('forbidden', 'Keys of a room are asked for by its members, of its members');
  return kept;
};
