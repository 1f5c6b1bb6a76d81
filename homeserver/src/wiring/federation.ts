import type { Config } from '@nyx/config/schema.ts';
import { DEFAULT_BACKOFF } from '@nyx/federation/http/backoff.ts';
import type { UserId } from '@nyx/federation/spec/identifiers/user-id.ts';
import { AcceptInvite } from '../domain/federation/accept-invite.ts';
import { AcceptMembership } from '../domain/federation/accept-membership.ts';
import { AdmitEvents } from '../domain/federation/admit-events.ts';
import { AnswerMembership } from '../domain/federation/answer-membership.ts';
import { Backfill } from '../domain/federation/backfill.ts';
import { CompleteRooms } from '../domain/federation/complete-rooms.ts';
import { Deliver } from '../domain/federation/deliver.ts';
import { FederatedRooms } from '../domain/federation/federated-rooms.ts';
import { FetchMissing } from '../domain/federation/fetch-missing.ts';
import { ForeignRooms } from '../domain/federation/foreign-rooms.ts';
import { ImportRoom } from '../domain/federation/import-room.ts';
import { JoinMembers } from '../domain/federation/join-members.ts';
import { KeyNotary } from '../domain/federation/key-notary.ts';
import { PolicyDesk } from '../domain/federation/policy-desk.ts';
import { FederatedSpaces } from '../domain/federation/remote-spaces.ts';
import { ServeHierarchy } from '../domain/federation/serve-hierarchy.ts';
import { ThirdPartyInvites } from '../domain/federation/third-party-invites.ts';
import type { LiveEduOptions } from '../domain/federation/live-edus.ts';
import { liveEduHandlers } from '../domain/federation/live-edus.ts';
import { MakeMembership } from '../domain/federation/make-membership.ts';
import { ProcessPdu } from '../domain/federation/process-pdu.ts';
import type { EduHandler } from '../domain/federation/receive-transaction.ts';
import { ReceiveTransaction } from '../domain/federation/receive-transaction.ts';
import { RelayEvents } from '../domain/federation/relay-events.ts';
import { FederatedDirectory } from '../domain/federation/remote-lookups.ts';
import { RestrictedJoins } from '../domain/federation/restricted-joins.ts';
import { RoomAccess } from '../domain/federation/room-access.ts';
import { RoomLanes } from '../domain/federation/room-lanes.ts';
import { SendLiveEdus } from '../domain/federation/send-live-edus.ts';
import { SendOut } from '../domain/federation/send-out.ts';
import { ServeEvents } from '../domain/federation/serve-events.ts';
import { Redactions } from '../domain/rooms/redactions.ts';
import { RoomReads } from '../domain/rooms/room-reads.ts';
import { getEventByTimestampRoute } from '../http/federation/get-event-by-timestamp.ts';
import { getEventsRoutes } from '../http/federation/get-events.ts';
import { publicRoomsRoutes } from '../http/federation/get-public-rooms.ts';
import { getHierarchyRoute } from '../http/federation/get-hierarchy.ts';
import { policySignRoute } from '../http/federation/sign-event.ts';
import { thirdPartyInviteRoutes } from '../http/federation/third-party-invites.ts';
import { getServerKeysRoute } from '../http/federation/get-server-keys.ts';
import { getVersionRoute } from '../http/federation/get-version.ts';
import { makeMembershipRoutes } from '../http/federation/make-membership.ts';
import { queryKeysRoute, queryServerKeysRoute } from '../http/federation/query-keys.ts';
import { queryRoutes } from '../http/federation/query.ts';
import { receiveInviteRoute, receiveInviteV1Route } from '../http/federation/receive-invite.ts';
import { sendMembershipRoutes } from '../http/federation/send-membership.ts';
import { sendTransactionRoute } from '../http/federation/send-transaction.ts';
import { completeRoomJob, completeRoomRequest } from '../jobs/federation/complete-room.ts';
import { retryStagedJob } from '../jobs/federation/retry-staged.ts';
import { deliverJob, sweepJob } from '../jobs/federation/deliver.ts';
import type { OwnPolicy } from '../domain/events/own-policy.ts';
import type { RemoteSpaces } from '../ports/remote-spaces.ts';
import type { UserStore, ProfileStore } from '../ports/accounts.ts';
import type { InvitePolicy } from '../ports/invite-policy.ts';
import type { RemoteDirectory } from '../ports/remote-directory.ts';
import type { RemoteHistory } from '../ports/remote-history.ts';
import type { RemoteRooms } from '../ports/remote-rooms.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import { fractions, isDeadLease, leaseNames, newIds, type Peers } from './peers.ts';
import type { RoomServices } from './room-services.ts';
import type { SignsOfLife } from './signs-of-life.ts';

/** What both directions of federation share. */
export type FederationCore = {
  readonly rooms: RoomReads;
  readonly access: RoomAccess;
  readonly foreign: ForeignRooms;
  readonly admit: AdmitEvents;
  /** One worker per room for what comes in; and for our own joins. */
  readonly lanes: RoomLanes;
  readonly joins: RoomLanes;
  readonly remote: RemoteRooms;
  readonly missing: FetchMissing;
  readonly complete: CompleteRooms;
  readonly history: RemoteHistory;
  readonly directory: RemoteDirectory;
  readonly spaces: RemoteSpaces;
};

/** What federation needs of the other areas. */
export type FederationNeeds = {
  readonly users: UserStore;
  readonly profiles: ProfileStore;
  readonly invites: InvitePolicy;
  readonly services: Pick<RoomServices, 'find' | 'invite' | 'list' | 'userRooms'>;
  readonly life: Pick<SignsOfLife, 'presence' | 'receipts' | 'typing'>;
  /** By `edu_type`. */
  readonly edus: ReadonlyMap<string, EduHandler>;
  /** What we recommend where we are the policy server; undefined when we are none. */
  readonly policy: OwnPolicy | undefined;
};

const VERSION = '0.1.0';
const SWEEP_EVERY_MS = 60_000;
const RETRY_EVERY_MS = 5_000;
/** Rooms without their members that are taken up again at a start. */
const MAX_PARTIAL = 10_000;

/** Rooms with the help of other servers: made before the rooms' own services, which use it. */
export const federationCore = (
  { platform, relay }: Foundation,
  { engine, persist, signer }: EventServices,
  peers: Peers,
): FederationCore => {
  const rooms = new RoomReads(engine);
  const foreign = new ForeignRooms(rooms, persist);
  const admit = new AdmitEvents(peers.keys, engine.events, persist);
  const importer = new ImportRoom(rooms, persist, admit, signer.server);
  const joins = new RoomLanes();
  const lanes = new RoomLanes();
  const complete = new CompleteRooms(
    { peers: peers.api, rooms, admit, persist, lanes, logger: platform.logger },
    signer.server,
  );
  const members = new JoinMembers(complete, (layer) => relay.enqueue([completeRoomRequest(layer, 0, 0)]));
  const remote = new FederatedRooms(
    { peers: peers.api, rooms, foreign, importer, joins, members, clock: platform.clock },
    signer,
  );
  const missing = new FetchMissing(peers.api, admit, persist);
  const { keys, api } = peers;
  return {
    rooms,
    foreign,
    admit,
    joins,
    remote,
    missing,
    lanes,
    complete,
    access: new RoomAccess(rooms, signer.server),
    history: new Backfill({ rooms, persist, admit, missing, keys, peers: api }, signer.server, lanes),
    directory: new FederatedDirectory(api),
    spaces: new FederatedSpaces(api, signer.server, () => platform.clock.now()),
  };
};

const isActive =
  (users: UserStore) =>
  async (user: UserId): Promise<boolean> => {
    const account = await users.find(user);
    return account !== undefined && account.deactivatedAt === undefined;
  };

/** Which signs of life the operator exchanges with other servers. */
const exchanged = ({ federation }: Config): LiveEduOptions => ({
  typing: federation.typing,
  receipts: federation.receipts,
  presence: federation.presence,
});

const inbound = (
  foundation: Foundation,
  events: EventServices,
  peers: Peers,
  core: FederationCore,
  needs: FederationNeeds,
) => {
  const { platform } = foundation;
  const { persist, signer, policies } = events;
  const { rooms, access, admit, lanes, joins, foreign, missing } = core;
  const { keys, outbound, wake } = peers;
  const redactions = new Redactions(rooms);
  const process = new ProcessPdu({
    rooms,
    persist,
    admit,
    missing,
    keys,
    redactions,
    policies,
    access,
    foreign,
  });
  const relay = new RelayEvents(outbound, signer.server, wake);
  const { invites: policy, users } = needs;
  const live = liveEduHandlers({ rooms, access, ...needs.life }, exchanged(foundation.config));
  const edus = new Map([...live, ...needs.edus]);
  return {
    transactions: new ReceiveTransaction(
      { rooms, access, inbound: peers.inbound, process, lanes, joins, edus },
      platform.logger,
    ),
    memberships: new AcceptMembership({ rooms, access, persist, keys, lanes, relay, policies }, signer),
    invites: new AcceptInvite({ rooms, foreign, keys, policy, lanes, isActive: isActive(users) }, signer),
    templates: new MakeMembership(
      rooms,
      access,
      new RestrictedJoins(rooms, signer.server),
      platform.clock,
      signer.server,
    ),
  };
};

const outgoing = (foundation: Foundation, events: EventServices, peers: Peers, core: FederationCore) => {
  const { config, platform, stream } = foundation;
  const { server } = events.signer;
  const deliver = new Deliver(
    {
      peers: peers.api,
      outbound: peers.outbound,
      events: events.engine.events,
      clock: platform.clock,
      logger: platform.logger,
      allows: peers.allows,
    },
    {
      server,
      backoff: { ...DEFAULT_BACKOFF, maxMs: config.federation.maxRetryInterval },
      random: fractions(foundation),
      newId: newIds(foundation),
      newLease: leaseNames(foundation),
    },
  );
  const sendOut = new SendOut(core.rooms, stream, peers.outbound, server, peers.wake, platform.logger);
  return { deliver, sendOut };
};

/** Endpoints for other servers, the queues to them, and what was received and waits. */
export const wireFederation = (
  foundation: Foundation,
  events: EventServices,
  peers: Peers,
  core: FederationCore,
  needs: FederationNeeds,
): Area => {
  const { platform, relay, config, roles } = foundation;
  const { server } = events.signer;
  const { transactions, memberships, invites, templates } = inbound(foundation, events, peers, core, needs);
  const { deliver, sendOut } = outgoing(foundation, events, peers, core);
  const serve = new ServeEvents(core.rooms, core.access);
  const notary = new KeyNotary(peers.keys, peers.keyStore, events.signer, peers.publish, () =>
    platform.clock.now(),
  );
  const exists = isActive(needs.users);
  const findProfile = async (user: UserId) => {
    if (!config.federation.profileLookup || !(await exists(user))) return undefined;
    return (await needs.profiles.find(user)) ?? {};
  };
  const live = new SendLiveEdus(
    {
      rooms: core.rooms,
      ...needs.life,
      userRooms: needs.services.userRooms,
      outbound: peers.outbound,
      logger: platform.logger,
      wake: peers.wake,
      isDown: (name) => peers.transport.health.retryAt(name) !== undefined,
    },
    server,
  );
  const desk = new PolicyDesk(
    {
      rooms: core.rooms,
      access: core.access,
      keys: peers.keys,
      policies: events.policies,
      own: needs.policy,
    },
    server,
  );
  const thirdParty = new ThirdPartyInvites(
    {
      rooms: core.rooms,
      access: core.access,
      invites: needs.services.invite,
      peers: peers.api,
      logger: platform.logger,
      isActive: exists,
    },
    server,
  );
  const retry = retryStagedJob(transactions);
  const sweep = sweepJob(peers.outbound, relay);
  return {
    routes: [
      getVersionRoute(VERSION),
      getServerKeysRoute(peers.publish),
      queryKeysRoute(notary),
      queryServerKeysRoute(notary),
      sendTransactionRoute(transactions),
      ...makeMembershipRoutes(templates),
      ...sendMembershipRoutes(memberships, new AnswerMembership(core.rooms, serve, server)),
      receiveInviteRoute(invites),
      receiveInviteV1Route(invites),
      ...thirdPartyInviteRoutes(thirdParty),
      policySignRoute(desk),
      getHierarchyRoute(new ServeHierarchy(core.rooms, core.access, server)),
      ...getEventsRoutes(serve, server, platform.clock),
      ...queryRoutes(needs.services.find, findProfile, server),
      ...publicRoomsRoutes(needs.services.list, config.federation.publicRooms),
      getEventByTimestampRoute(core.access, core.rooms.engine.lookups),
    ],
    jobs: [
      deliverJob(deliver, relay),
      sweep,
      retry,
      completeRoomJob(core.complete, events.stores.layers, relay),
    ],
    schedules: [
      { job: sweep, everyMs: SWEEP_EVERY_MS, payload: null },
      { job: retry, everyMs: RETRY_EVERY_MS, payload: null },
    ],
    start: async () => {
      const recovered = await transactions.recover();
      if (recovered > 0) platform.logger.info({ events: recovered }, 'took up events received before');
      // A join may have been stored and the process killed before its job was.
      const partial = await events.stores.layers.partial(MAX_PARTIAL);
      await relay.enqueue(partial.map((layer) => completeRoomRequest(layer, 0, 0)));
      await peers.outbound.releaseDead(isDeadLease(foundation));
      if (roles.federationOut) sendOut.start();
      live.start(exchanged(config));
    },
    stop: async () => {
      live[Symbol.dispose]();
      await sendOut[Symbol.asyncDispose]();
      await core.lanes.idle();
    },
  };
};
