/** Decides which membership signatures hold, with the device lists as they are now. */
import { isSignedMember, type MemberRecord, type ProofState, type RoomRecord } from '../group/room-record.ts';
import { verifyProof, type SignedProof } from './membership-proof.ts';
import { isTrustedDevice, type UserRecord } from './user-record.ts';

/** Members verified before, by another device of ours: user -> signature of the join. */
type KnownMembers = Readonly<Record<string, string>>;
type Users = (userId: string) => UserRecord | undefined;

/** The room with every proof settled that can be. The same object when nothing changed. */
export function settleProofs(room: RoomRecord, users: Users, known: KnownMembers = {}): RoomRecord {
  let members: Record<string, MemberRecord> | undefined;
  const current = (): RoomRecord['members'] => members ?? room.members;
  const update = (userId: string, next: MemberRecord): void => {
    members ??= { ...room.members };
    members[userId] = next;
  };
  for (const [userId, member] of Object.entries(room.members)) {
    if (member.membership !== 'join' || member.join === undefined) continue;
    if (isKnown(member, known[userId])) {
      update(userId, { ...member, joinState: 'valid', inviteState: 'valid' });
      continue;
    }
    if (member.joinState !== 'pending') continue;
    const joinState = judge(room.roomId, member.join, users);
    if (joinState !== 'pending') update(userId, { ...member, joinState });
  }
  // An invitation counts when its signer is a signed member, whose own invitation may be among these.
  for (let changed = true; changed;) {
    changed = false;
    for (const [userId, member] of Object.entries(current())) {
      const { invite } = member;
      if (member.inviteState !== 'pending' || invite === undefined) continue;
      const actor = current()[invite.actor];
      if (actor?.wasMember !== true && !isSignedMember({ ...room, members: current() }, invite.actor))
        continue;
      const inviteState = judge(room.roomId, invite, users);
      if (inviteState === 'pending') continue;
      update(userId, { ...member, inviteState });
      changed = true;
    }
  }
  return members === undefined ? room : { ...room, members };
}

/** Not settled by itself, and the very join that was verified before. */
const isKnown = (member: MemberRecord, signature: string | undefined): boolean =>
  (member.joinState !== 'valid' || member.inviteState !== 'valid') &&
  signature !== undefined &&
  member.join?.signature === signature;

function judge(roomId: string, proof: SignedProof, users: Users): ProofState {
  const user = users(proof.actor);
  const device = user?.devices[proof.device];
  if (device === undefined || !isTrustedDevice(user, device)) return 'pending';
  return verifyProof(roomId, proof, device.ed25519) ? 'valid' : 'invalid';
}
