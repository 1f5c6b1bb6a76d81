import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { AccountDataEntry } from '../../ports/accounts.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type {
  DeviceListSource,
  EphemeralSource,
  InboxPlace,
  KeyCountSource,
  PresenceSource,
  SharingChanges,
  ToDeviceSource,
} from '../../ports/sync-sources.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { roomPasses, senderPasses, typePasses } from '../rooms/event-filter.ts';
import type { AccountDataNews } from './account-data-news.ts';
import { joinedBefore, membershipAt } from './membership-news.ts';
import type { ChangedRooms } from './changed-rooms.ts';
import type { RoomNews, RoomSections } from './room-sections.ts';
import { sharingChanges } from './sharing-changes.ts';
import type { StrippedRooms } from './stripped-rooms.ts';
import type { PlainFilter } from './sync-filter.ts';
import type { RoomSection, SyncResponse } from './sync-response.ts';
import type { SyncWindow } from './sync-window.ts';
import { syncToken } from './sync-token.ts';

/** Messages to a device in one answer (spec: Client-Server API, send-to-device messaging, at most 100). */
const MAX_TO_DEVICE = 100;

export type ComputeSyncDeps = {
  readonly changed: ChangedRooms;
  readonly sections: RoomSections;
  readonly stripped: StrippedRooms;
  readonly accountData: AccountDataNews;
  readonly devices: {
    readonly toDevice: ToDeviceSource;
    readonly lists: DeviceListSource;
    readonly keys: KeyCountSource;
  };
  readonly others: { readonly ephemeral: EphemeralSource; readonly presence: PresenceSource };
};

type RoomPart = {
  readonly join: Map<RoomId, RoomSection>;
  readonly leave: Map<RoomId, RoomSection>;
  readonly invite: Map<RoomId, readonly JsonObject[]>;
  readonly knock: Map<RoomId, readonly JsonObject[]>;
  readonly sharing: SharingChanges;
};

/** Computes one answer of /sync (spec: Client-Server API, GET sync). */
export class ComputeSync {
  readonly #deps: ComputeSyncDeps;

  constructor(deps: ComputeSyncDeps) {
    this.#deps = deps;
  }

  /** @param inbox position up to which the device was sent its messages; may lag behind the window. */
  async compute(
    window: SyncWindow,
    rooms: ReadonlyMap<RoomId, MembershipRow>,
    inbox: InboxPlace,
  ): Promise<SyncResponse> {
    const { accountData, devices, others } = this.#deps;
    const { audience, upTo, filter } = window;
    const since = window.since ?? 0;
    const device = { user: audience.user, device: audience.device ?? '' };
    const news = await accountData.changed(audience.user, since, upTo);
    const [part, toDevice, keyCounts, presence] = await Promise.all([
      this.#rooms(window, rooms, news.rooms),
      devices.toDevice.read(device, inbox, upTo, MAX_TO_DEVICE),
      devices.keys.counts(device, since, upTo),
      others.presence.changed(audience.user, since, upTo),
    ]);
    const deviceLists =
      window.since === undefined
        ? { changed: [], left: [] }
        : await devices.lists.changes(audience.user, since, upTo, part.sharing);
    return {
      nextBatch: syncToken({ stream: upTo, toDevice: toDevice.through }),
      join: part.join,
      leave: part.leave,
      invite: part.invite,
      knock: part.knock,
      accountData: filtered(news.global, filter.accountData),
      presence: filtered(presence, filter.presence),
      toDevice: toDevice.messages,
      deviceLists,
      keyCounts,
    };
  }

  async #rooms(
    window: SyncWindow,
    rooms: ReadonlyMap<RoomId, MembershipRow>,
    accountData: ReadonlyMap<RoomId, readonly AccountDataEntry[]>,
  ): Promise<RoomPart> {
    const { changed, others } = this.#deps;
    const { audience, filter, since, upTo } = window;
    const wanted = [...rooms.values()].filter(
      ({ room }) => roomPasses(filter, room) && roomPasses(filter.timeline, room),
    );
    const joined = wanted.filter((row) => row.membership === 'join').map((row) => row.room);
    const ephemeral = await others.ephemeral.changed(audience.user, joined, since ?? 0, upTo);
    const places = await changed.places(window, wanted);
    const part = { join: new Map(), leave: new Map(), invite: new Map(), knock: new Map() };
    const told: { row: MembershipRow; fresh: boolean; events: readonly StoredEvent[] }[] = [];
    await Promise.all(
      wanted.map(async (row) => {
        const place = places.get(row.room);
        const extra = {
          ephemeral: filtered(ephemeral.get(row.room) ?? [], filter.ephemeral),
          accountData: filtered(
            (accountData.get(row.room) ?? []).map(accountDataEvent),
            filter.roomAccountData,
          ),
        };
        await this.#room({ window, row, place, extra, part, told });
      }),
    );
    return { ...part, sharing: sharingChanges(told, since ?? 0) };
  }

  async #room(options: {
    readonly window: SyncWindow;
    readonly row: MembershipRow;
    readonly place: { readonly from: number; readonly to: number } | undefined;
    readonly extra: Pick<RoomNews, 'ephemeral' | 'accountData'>;
    readonly part: Omit<RoomPart, 'sharing'>;
    readonly told: { row: MembershipRow; fresh: boolean; events: readonly StoredEvent[] }[];
  }): Promise<void> {
    const { window, row, place, extra, part, told } = options;
    const { since, fullState, audience } = window;
    const isNew = row.stream > (since ?? 0);
    if (row.membership === 'invite' || row.membership === 'knock') {
      if (!isNew && !fullState) return;
      const state = await this.#deps.stripped.state(audience.user, row);
      if (state !== undefined) part[row.membership].set(row.room, state);
      return;
    }
    const { events } = this.#deps.changed;
    const before = since === undefined ? undefined : await membershipAt(events, row, since);
    // Before this window the user was away, and before that in the room.
    const returned =
      since !== undefined &&
      before !== undefined &&
      before !== 'join' &&
      (await joinedBefore(events, row, since));
    if (row.membership === 'join') {
      const fresh = before !== 'join';
      const hasNews = place !== undefined || extra.ephemeral.length > 0 || extra.accountData.length > 0;
      if (!fresh && !fullState && !hasNews) return;
      const { from, to } = place ?? (await this.#deps.changed.end(row.room));
      const news = { room: row.room, fresh, returned, from: fresh ? 0 : from, to, ...extra };
      const told_ = await this.#deps.sections.section(window, news, 'join');
      if (told_ === undefined) return;
      part.join.set(row.room, told_.section);
      told.push({ row, fresh: fresh && since !== undefined, events: told_.events });
      return;
    }
    if (since === undefined ? !window.filter.includeLeave : !isNew) return;
    const { from, to } = place ?? (await this.#deps.changed.end(row.room));
    const news = {
      room: row.room,
      fresh: before !== 'join',
      returned,
      // What came before the window was told when the user left.
      from: before === 'join' || returned ? from : 0,
      to,
      own: row.eventId,
      ...extra,
    };
    const left = await this.#deps.sections.section(window, news, 'leave');
    if (left === undefined) return;
    part.leave.set(row.room, left.section);
    told.push({ row, fresh: false, events: left.events });
  }
}

const accountDataEvent = ({ type, content }: AccountDataEntry): JsonObject => ({
  type,
  // Account data is stored as the JSON that a client sent.
  content: content as JsonObject,
});

/** Events without a room that pass. */
function filtered(events: readonly JsonObject[], filter: PlainFilter): readonly JsonObject[] {
  if (events.length === 0) return events;
  const passing = events.filter((event) => {
    const { type, sender } = event;
    if (typeof type === 'string' && !typePasses(filter, type)) return false;
    return typeof sender !== 'string' || senderPasses(filter, sender);
  });
  return filter.limit === undefined ? passing : passing.slice(-filter.limit);
}
