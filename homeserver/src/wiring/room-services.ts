import { CreateRoom } from '../domain/rooms/create-room.ts';
import { DescribeRoom } from '../domain/rooms/describe-room.ts';
import { FollowAccounts } from '../domain/rooms/follow-accounts.ts';
import { ForgetRoom } from '../domain/rooms/forget-room.ts';
import { GetEvent } from '../domain/rooms/get-event.ts';
import { GetRelations } from '../domain/rooms/get-relations.ts';
import { GetThreads } from '../domain/rooms/get-threads.ts';
import { ListRooms } from '../domain/rooms/list-rooms.ts';
import { ManageAliases } from '../domain/rooms/manage-aliases.ts';
import { SpaceHierarchy } from '../domain/rooms/space-hierarchy.ts';
import { UpgradeRoom } from '../domain/rooms/upgrade-room.ts';
import { FindRoom } from '../domain/rooms/find-room.ts';
import { GetMessages } from '../domain/rooms/get-messages.ts';
import { GetState } from '../domain/rooms/get-state.ts';
import { InviteUser } from '../domain/rooms/invite-user.ts';
import { JoinRoom } from '../domain/rooms/join-room.ts';
import { KnockRoom } from '../domain/rooms/knock-room.ts';
import { LeaveRoom } from '../domain/rooms/leave-room.ts';
import { LocalEvents } from '../domain/rooms/local-events.ts';
import { ModerateMember } from '../domain/rooms/moderate-member.ts';
import { PublicRooms } from '../domain/rooms/public-rooms.ts';
import { RedactEvent } from '../domain/rooms/redact-event.ts';
import { Redactions } from '../domain/rooms/redactions.ts';
import { RemoteInvites } from '../domain/rooms/remote-invites.ts';
import { RoomFounder } from '../domain/rooms/room-founder.ts';
import { RoomReads } from '../domain/rooms/room-reads.ts';
import { RoomViewers } from '../domain/rooms/room-viewers.ts';
import { SendEvent } from '../domain/rooms/send-event.ts';
import { SetState } from '../domain/rooms/set-state.ts';
import { TimelinePages } from '../domain/rooms/timeline-page.ts';
import { UserRooms } from '../domain/rooms/user-rooms.ts';
import type { EpochGuard } from '../domain/e2ee/rotation/guard-epoch.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { InvitePolicy } from '../ports/invite-policy.ts';
import type { ProfileLookup } from '../ports/profile-lookup.ts';
import type { RemoteHistory } from '../ports/remote-history.ts';
import type { RemoteRooms } from '../ports/remote-rooms.ts';
import type { RemoteSpaces } from '../ports/remote-spaces.ts';
import { MongoForgottenRooms } from '../storage/mongo/rooms/mongo-forgotten-rooms.ts';
import { MongoRoomCreations } from '../storage/mongo/rooms/mongo-room-creations.ts';
import { MongoRoomAliases, MongoRoomDirectory } from '../storage/mongo/rooms/mongo-room-directory.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';

/** What rooms need of the other areas. */
export type RoomNeeds = {
  readonly profiles: ProfileLookup;
  readonly invites: InvitePolicy;
  readonly ignored: IgnoredUsers;
  readonly remote: RemoteRooms;
  readonly history: RemoteHistory;
  readonly spaces: RemoteSpaces;
  readonly epochs: EpochGuard;
};

/** What others may use of rooms. */
export type RoomServices = {
  readonly rooms: RoomReads;
  readonly userRooms: UserRooms;
  readonly viewers: RoomViewers;
  readonly pages: TimelinePages;
  readonly local: LocalEvents;
  readonly redactions: Redactions;
  readonly publicRooms: PublicRooms;
  readonly create: CreateRoom;
  readonly find: FindRoom;
  readonly join: JoinRoom;
  readonly knock: KnockRoom;
  readonly invite: InviteUser;
  readonly leave: LeaveRoom;
  readonly moderate: ModerateMember;
  readonly send: SendEvent;
  readonly redact: RedactEvent;
  readonly setState: SetState;
  readonly getState: GetState;
  readonly messages: GetMessages;
  readonly founder: RoomFounder;
  readonly forget: ForgetRoom;
  readonly upgrade: UpgradeRoom;
  readonly aliases: ManageAliases;
  readonly list: ListRooms;
  readonly describe: DescribeRoom;
  readonly hierarchy: SpaceHierarchy;
  readonly getEvent: GetEvent;
  readonly relations: GetRelations;
  readonly threads: GetThreads;
  readonly accounts: FollowAccounts;
};

/** Builds everything that acts on rooms, for the routes and for other areas. */
export const roomServices = (
  foundation: Foundation,
  events: EventServices,
  needs: RoomNeeds,
): RoomServices => {
  const { db, platform, plugins } = foundation;
  const { clock, random, logger } = platform;
  const { engine, builder, persist, visibility, present, signer } = events;
  const { profiles, invites, remote } = needs;
  const { server } = signer;
  const identity = {
    host: platform.processSpace,
    process: platform.processName,
    isAlive: platform.isProcessAlive,
  };
  const rooms = new RoomReads(engine);
  const viewers = new RoomViewers(rooms, visibility);
  const pages = new TimelinePages(viewers, needs.ignored);
  const local = new LocalEvents(engine, builder, plugins);
  const redactions = new Redactions(rooms);
  const publicRooms = new PublicRooms(rooms, new MongoRoomDirectory(db));
  const aliases = new MongoRoomAliases(db);
  const forgotten = new MongoForgottenRooms(db);
  const find = new FindRoom(rooms, aliases, remote, server);
  const remoteInvites = new RemoteInvites(rooms, builder, persist, remote, plugins);
  const invite = new InviteUser({ rooms, local, profiles, policy: invites, remote: remoteInvites, logger });
  const creations = new MongoRoomCreations(db, identity, clock);
  const founder = new RoomFounder({ engine, creations, aliases, publicRooms, clock });
  const join = new JoinRoom({ rooms, local, profiles, remote, server, plugins });
  const redact = new RedactEvent(rooms, local, redactions);
  const userRooms = new UserRooms(engine.lookups, forgotten);
  engine.onCommit((committed) => {
    userRooms.follow(committed);
    for (const event of committed) publicRooms.follow(event);
  });
  const create = new CreateRoom({ builder, founder, profiles, invites, inviter: invite, random });
  const leave = new LeaveRoom(rooms, local, remote, server);
  const getEvent = new GetEvent(viewers, pages, present);
  const describe = new DescribeRoom(rooms, needs.spaces, server);
  return {
    forget: new ForgetRoom(userRooms, forgotten),
    upgrade: new UpgradeRoom({ rooms, create, local, aliases, publicRooms }),
    aliases: new ManageAliases({ rooms, viewers, aliases, local, clock, server }),
    list: new ListRooms(rooms, publicRooms),
    describe,
    hierarchy: new SpaceHierarchy(rooms, describe, needs.spaces, server),
    getEvent,
    relations: new GetRelations(viewers, getEvent, present),
    threads: new GetThreads(viewers, present, needs.ignored),
    accounts: new FollowAccounts(
      { rooms, userRooms, local, profiles },
      { find, join, leave },
      foundation.config.registration.autoJoinRooms,
      logger,
    ),
    rooms,
    userRooms,
    viewers,
    pages,
    local,
    redactions,
    publicRooms,
    create,
    find,
    join,
    knock: new KnockRoom(rooms, local, profiles, remote, server),
    invite,
    leave,
    moderate: new ModerateMember(rooms, local),
    send: new SendEvent(rooms, local, redact, needs.epochs),
    redact,
    setState: new SetState(rooms, local, find, join, invite),
    getState: new GetState(viewers, present),
    messages: new GetMessages(viewers, pages, present, needs.history),
    founder,
  };
};
