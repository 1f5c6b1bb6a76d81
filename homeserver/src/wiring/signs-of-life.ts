import type { AccountData } from '../domain/accounts/account-data.ts';
import { Presence } from '../domain/presence/presence.ts';
import { Receipts } from '../domain/receipts/receipts.ts';
import { ReadMarkers } from '../domain/rooms/read-markers.ts';
import { Ephemeral } from '../domain/sync/ephemeral.ts';
import { Typing } from '../domain/typing/typing.ts';
import { UnreadCounts } from '../domain/unread/unread-counts.ts';
import { postReceiptRoute, readMarkersRoute } from '../http/client/events/receipts.ts';
import { setTypingRoute } from '../http/client/events/typing.ts';
import { getPresenceRoute, setPresenceRoute } from '../http/client/presence/presence.ts';
import { reportEventRoute, reportRoomRoute, reportUserRoute } from '../http/client/reports/report.ts';
import type { RoomSharing } from '../ports/device-lists.ts';
import type { IgnoredUsers } from '../ports/ignored-users.ts';
import type { PushRules } from '../ports/push-rules.ts';
import { MongoReceipts } from '../storage/mongo/receipts/mongo-receipts.ts';
import { MongoReports } from '../storage/mongo/reports/mongo-reports.ts';
import type { Area } from './area.ts';
import type { EventServices } from './events.ts';
import type { Foundation } from './foundation.ts';
import type { RoomServices } from './room-services.ts';

export type SignsOfLifeNeeds = {
  readonly accountData: AccountData;
  readonly pushRules: PushRules;
  readonly ignored: IgnoredUsers;
  readonly sharing: RoomSharing;
};

/** What users show each other beside messages: receipts, typing, presence. */
export type SignsOfLife = Area & {
  readonly receipts: Receipts;
  readonly typing: Typing;
  readonly presence: Presence;
  readonly ephemeral: Ephemeral;
  readonly unread: UnreadCounts;
};

/** How often it is looked for users whose clients fell silent. */
const SWEEP_MS = 10_000;

/** Wires receipts, typing, presence and reports. */
export const wireSignsOfLife = (
  foundation: Foundation,
  { engine }: EventServices,
  services: RoomServices,
  needs: SignsOfLifeNeeds,
): SignsOfLife => {
  const { db, stream, notifier, bus, platform, resources, config } = foundation;
  const { clock } = platform;
  const { rooms, userRooms, getEvent } = services;
  const common = { positions: stream, notifier, bus, clock };
  const receipts = resources.use(
    new Receipts({ ...common, store: new MongoReceipts(db), events: engine.events }),
  );
  const typing = resources.use(
    new Typing({ ...common, later: (run, milliseconds) => void setTimeout(run, milliseconds).unref() }),
  );
  const presence = resources.use(
    new Presence({
      ...common,
      roomsOf: (user) => userRooms.joined(user),
      sharing: (user, others) => needs.sharing.sharing(user, others),
      enabled: config.rooms.presence,
    }),
  );
  const markers = new ReadMarkers(rooms, receipts, needs.accountData);
  const reports = new MongoReports(db);
  let timer: NodeJS.Timeout | undefined;
  return {
    receipts,
    typing,
    presence,
    ephemeral: new Ephemeral(receipts, typing, needs.ignored),
    unread: new UnreadCounts(rooms, receipts, needs.pushRules, needs.ignored),
    routes: [
      postReceiptRoute(markers),
      readMarkersRoute(markers),
      setTypingRoute(rooms, typing),
      getPresenceRoute(presence),
      setPresenceRoute(presence),
      reportEventRoute(getEvent, rooms, reports, clock),
      reportRoomRoute(reports, clock),
      reportUserRoute(reports, clock),
    ],
    start: async () => {
      timer = setInterval(() => void presence.sweep(), SWEEP_MS).unref();
    },
    stop: async () => clearInterval(timer),
  };
};
