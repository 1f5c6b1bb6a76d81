/** What the engine remembers about a room: plain immutable data, stored as one record per room. */
import type { SignedProof } from '../identity/membership-proof.ts';

export type Membership = 'join' | 'invite' | 'knock' | 'leave' | 'ban';

/** `pending`: the signer's devices are not known yet; evaluated again when they are. */
export type ProofState = 'none' | 'pending' | 'valid' | 'invalid';

export type MemberRecord = {
  readonly membership: Membership;
  readonly join?: SignedProof;
  readonly joinState: ProofState;
  /** The invitation that let the member in, from the join's content or from the invite event itself. */
  readonly invite?: SignedProof;
  readonly inviteState: ProofState;
  /** Time inside the proof of a join that has ended: an older one is a replay. */
  readonly spentAt: number;
  /** Was a signed member once, so the invitations it signed stay good after it left. */
  readonly wasMember: boolean;
};

export const NO_MEMBER: MemberRecord = {
  membership: 'leave',
  joinState: 'none',
  inviteState: 'none',
  spentAt: -1,
  wasMember: false,
};

export type Departure = { readonly eventId: string; readonly userId: string };

export type RoomRecord = {
  readonly roomId: string;
  /** Our own membership. */
  readonly membership: Exclude<Membership, 'ban'>;
  readonly algorithm: string | undefined;
  /** Never goes back to false: no clear content is ever sent into a room that once was encrypted. */
  readonly everEncrypted: boolean;
  readonly joinRule: string;
  readonly creators: readonly string[];
  /** False while the list may lack members (lazy loading): nothing is sent before it is complete. */
  readonly membersComplete: boolean;
  readonly members: Readonly<Record<string, MemberRecord>>;
  /** Departures of joined members in the order the server showed them, newest last. */
  readonly departures: readonly Departure[];
  /** The last three event ids of the timeline, oldest first. */
  readonly recent: readonly string[];
  /** Epochs of this room whose key we hold or held, by kid. */
  readonly epochs: readonly string[];
  /** The timeline has had a gap: a joiner gets a fresh epoch, for generations may have been used unseen. */
  readonly gap: boolean;
  /** Kid of the epoch we send under; unset means the next send chooses or makes one. */
  readonly sendingKid: string | undefined;
  /** Content of our own member event, to be sent again with our signature when it lacks it. */
  readonly ownMember: Readonly<Record<string, unknown>> | undefined;
  /** Invitations we confirmed: they stand in our own member event. */
  readonly vouches: readonly SignedProof[];
};

/** Departures remembered per room: enough to order the epochs of a week of churn. */
export const MAX_DEPARTURES = 200;
/** Epochs indexed per room; older ones stay readable through the backup. */
export const MAX_EPOCHS_PER_ROOM = 5_000;
/** Event ids quoted inside each message (e2ee.md section 3). */
export const RECENT_EVENTS = 3;

export const emptyRoom = (roomId: string): RoomRecord => ({
  roomId,
  membership: 'leave',
  algorithm: undefined,
  everEncrypted: false,
  joinRule: 'invite',
  creators: [],
  membersComplete: false,
  members: {},
  departures: [],
  recent: [],
  epochs: [],
  gap: false,
  sendingKid: undefined,
  ownMember: undefined,
  vouches: [],
});

export const joinedMembers = (room: RoomRecord): string[] =>
  Object.entries(room.members)
    .filter(([, member]) => member.membership === 'join')
    .map(([userId]) => userId);

export const newestDeparture = (room: RoomRecord): string | undefined => room.departures.at(-1)?.eventId;

/**
 * Whether a member may get keys: its join is signed, and in a room that one cannot simply enter so is the invitation
 * (e2ee.md section 3: a member the server invented gets no keys). Creators need no invitation.
 */
export function isSignedMember(room: RoomRecord, userId: string): boolean {
  const member = room.members[userId];
  return member?.membership === 'join' && member.joinState === 'valid' && isInvitedMember(room, userId);
}

/** Whether the room let the user in: by its rule, as its creator, or by an invitation that a member signed. */
export const isInvitedMember = (room: RoomRecord, userId: string): boolean =>
  room.joinRule === 'public' ||
  room.creators.includes(userId) ||
  room.members[userId]?.inviteState === 'valid';
