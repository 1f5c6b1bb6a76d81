/** How events of a sync change what we know about a room. Pure: records in, records out. */
import * as z from 'zod/mini';
import type { MatrixEvent } from '../engine/events.ts';
import type { RoomUpdate } from '../engine/protocol/sync.ts';
import { readMemberContent, type MemberContent, type SignedProof } from '../identity/membership-proof.ts';
import {
  isSignedMember,
  MAX_DEPARTURES,
  NO_MEMBER,
  RECENT_EVENTS,
  type Departure,
  type MemberRecord,
  type RoomRecord,
} from './room-record.ts';

export type RoomChange = {
  readonly room: RoomRecord;
  /** Joined members who are gone now: the sending slot has to go too. */
  readonly departed: readonly string[];
  readonly joined: readonly string[];
};

const encryption = z.object({ algorithm: z.string().check(z.maxLength(255)) });
const joinRules = z.object({ join_rule: z.string().check(z.maxLength(64)) });
const create = z.object({
  additional_creators: z.catch(
    z.optional(z.array(z.string().check(z.maxLength(255))).check(z.maxLength(100))),
    undefined,
  ),
});

/** Applies one room's part of a sync. */
export function applyRoomUpdate(before: RoomRecord, update: RoomUpdate, self: string): RoomChange {
  // One copy for all events of the update: a list of thousands must not be copied for each.
  let room: Draft = { ...before, membership: update.membership, members: { ...before.members } };
  const departed = new Set<string>();
  const joined = new Set<string>();
  const apply = (event: MatrixEvent): void => {
    const next = applyEvent(room, event, self);
    if (next.departed !== undefined) {
      departed.add(next.departed);
      joined.delete(next.departed);
    }
    if (next.joined !== undefined) joined.add(next.joined);
    room = next.room;
  };
  update.stateBefore.forEach(apply);
  update.timeline.forEach(apply);
  update.stateAfter.forEach(apply);
  const ids = update.timeline.flatMap((event) => event.event_id ?? []);
  if (update.limited) room = { ...room, gap: true };
  if (ids.length > 0) room = { ...room, recent: [...room.recent, ...ids].slice(-RECENT_EVENTS) };
  // A room we are not in keeps its history but no claim to a complete list.
  if (update.membership !== 'join') room = { ...room, membersComplete: false, sendingKid: undefined };
  return { room, departed: [...departed], joined: [...joined] };
}

/** The whole member list, from `/members`: whoever is not in it is not a member. */
export function applyMemberList(
  before: RoomRecord,
  events: readonly MatrixEvent[],
  self: string,
): RoomChange {
  const timeline = [...events];
  const change = applyRoomUpdate(
    before,
    { membership: before.membership, limited: false, stateBefore: timeline, timeline: [], stateAfter: [] },
    self,
  );
  // The list may be ahead of the timeline: what was said before these joins has not been seen, nor under which
  // generations. That is a gap like any other.
  const ahead = change.joined.length > 0 || events.some((event) => isAnotherJoin(before, event));
  const gap = change.room.gap || (ahead && before.epochs.length > 0);
  return { ...change, room: { ...change.room, gap, membersComplete: true } };
}

/** A member we know as joined shows another signed join: it left and came back unseen. */
function isAnotherJoin(before: RoomRecord, event: MatrixEvent): boolean {
  if (event.type !== 'm.room.member' || event.state_key === undefined) return false;
  const known = before.members[event.state_key];
  const content = readMemberContent(event.content);
  if (known?.membership !== 'join' || content?.membership !== 'join') return false;
  return known.join !== undefined && content.proof?.signature !== known.join.signature;
}

/** A room under change: its member table is this update's own. */
type Draft = Omit<RoomRecord, 'members'> & { readonly members: Record<string, MemberRecord> };
type EventChange = { readonly room: Draft; readonly departed?: string; readonly joined?: string };

function applyEvent(room: Draft, event: MatrixEvent, self: string): EventChange {
  if (event.state_key === undefined) return { room };
  if (event.type === 'm.room.member') return applyMember(room, event, self);
  if (event.state_key !== '') return { room };
  switch (event.type) {
    case 'm.room.encryption': {
      const parsed = encryption.safeParse(event.content);
      const algorithm = parsed.success ? parsed.data.algorithm : 'unknown';
      return { room: { ...room, algorithm, everEncrypted: true } };
    }
    case 'm.room.join_rules': {
      const parsed = joinRules.safeParse(event.content);
      return { room: { ...room, joinRule: parsed.success ? parsed.data.join_rule : 'invite' } };
    }
    case 'm.room.create': {
      const parsed = create.safeParse(event.content);
      const more = parsed.success ? (parsed.data.additional_creators ?? []) : [];
      return { room: { ...room, creators: event.sender === undefined ? more : [event.sender, ...more] } };
    }
    default:
      return { room };
  }
}

function applyMember(room: Draft, event: MatrixEvent, self: string): EventChange {
  const userId = event.state_key ?? '';
  const content = readMemberContent(event.content);
  if (content === undefined) return { room };
  const old = room.members[userId] ?? NO_MEMBER;
  const signed = old.wasMember || isSignedMember(room, userId);
  const member = { ...nextMember(old, content, userId, event.sender ?? ''), wasMember: signed };
  room.members[userId] = member;
  const next: Draft = userId === self ? { ...room, ownMember: event.content } : room;
  for (const vouch of content.vouches) applyVouch(next, vouch, userId);
  if (old.membership === 'join' && member.membership !== 'join') {
    const departure = { eventId: event.event_id ?? '', userId };
    return { room: { ...next, departures: addDeparture(room.departures, departure) }, departed: userId };
  }
  return old.membership !== 'join' && member.membership === 'join'
    ? { room: next, joined: userId }
    : { room: next };
}

function nextMember(old: MemberRecord, content: MemberContent, userId: string, sender: string): MemberRecord {
  const { membership, proof } = content;
  const invited = [content.invite, membership === 'invite' ? proof : undefined].find(
    (candidate) =>
      candidate?.membership === 'invite' && candidate.target === userId && candidate.at > old.spentAt,
  );
  const withInvite: MemberRecord =
    invited === undefined || old.inviteState === 'valid' || old.invite?.signature === invited.signature
      ? { ...old, membership }
      : { ...old, membership, invite: invited, inviteState: 'pending' };
  switch (membership) {
    case 'join':
      return joinedMember(withInvite, proof, userId, sender);
    case 'leave':
    case 'ban': {
      // An ended membership leaves nothing behind that would let its owner in again.
      const spentAt = Math.max(old.spentAt, old.join?.at ?? -1, old.invite?.at ?? -1);
      return { ...NO_MEMBER, membership, spentAt };
    }
    case 'invite':
    case 'knock':
      return withInvite;
  }
}

function joinedMember(
  member: MemberRecord,
  proof: SignedProof | undefined,
  userId: string,
  sender: string,
): MemberRecord {
  const own =
    proof?.membership === 'join' &&
    proof.actor === userId &&
    proof.target === userId &&
    sender === userId &&
    proof.at > member.spentAt;
  // A profile change without a signature does not undo a join that was signed.
  if (!own) return member.join === undefined ? { ...member, joinState: 'none' } : member;
  if (member.join?.signature === proof.signature) return member;
  if (member.join !== undefined && member.joinState === 'valid') return member;
  return { ...member, join: proof, joinState: 'pending' };
}

function applyVouch(room: Draft, vouch: SignedProof, actor: string): void {
  const member = room.members[vouch.target];
  if (vouch.membership !== 'invite' || vouch.actor !== actor || member === undefined) return;
  if (member.inviteState === 'valid' || member.invite?.signature === vouch.signature) return;
  if (vouch.at <= member.spentAt) return;
  room.members[vouch.target] = { ...member, invite: vouch, inviteState: 'pending' };
}

function addDeparture(departures: readonly Departure[], departure: Departure): readonly Departure[] {
  if (departure.eventId === '' || departures.some((known) => known.eventId === departure.eventId))
    return departures;
  return [...departures, departure].slice(-MAX_DEPARTURES);
}

/**
 * Notes the departure that a refusal or a rotate signal named as the newest. A member list shows departures without
 * their order, so one that is known may have to move to the end.
 */
export function noteDeparture(room: RoomRecord, eventId: string): RoomRecord {
  const known = room.departures.find((departure) => departure.eventId === eventId);
  const others = room.departures.filter((departure) => departure !== known);
  return { ...room, departures: addDeparture(others, known ?? { eventId, userId: '' }) };
}
