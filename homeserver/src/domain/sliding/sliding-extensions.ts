import { isJsonObject, type JsonObject } from '@nyx/federation/json/value.ts';
import { EventType, type Membership } from '@nyx/federation/spec/event-types.ts';
import type { EventId } from '@nyx/federation/spec/identifiers/event-id.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { MembershipRow } from '../../ports/event-store.ts';
import type {
  DeviceListSource,
  EphemeralSource,
  KeyCountSource,
  SharingChanges,
  ToDeviceSource,
} from '../../ports/sync-sources.ts';
import type { Audience } from '../events/client-event.ts';
import type { StreamFeed } from '../events/stream-feed.ts';
import type { AccountDataNews } from '../sync/account-data-news.ts';
import { parseSyncToken, syncToken } from '../sync/sync-token.ts';
import type { ExtensionsRequest } from './sliding-request.ts';
import type { ExtensionResults } from './sliding-response.ts';

export type SlidingExtensionsDeps = {
  readonly toDevice: ToDeviceSource;
  readonly lists: DeviceListSource;
  readonly keys: KeyCountSource;
  readonly accountData: AccountDataNews;
  readonly ephemeral: EphemeralSource;
  readonly feed: StreamFeed;
  /** Device lists over a stretch of the stream that is no longer in memory. */
  readonly changesBetween: (
    user: string,
    from: number,
    to: number,
  ) => Promise<{ readonly changed: readonly string[]; readonly left: readonly string[] }>;
};

export type ExtensionsQuestion = {
  readonly audience: Audience;
  readonly asked: ExtensionsRequest;
  readonly since: number | undefined;
  readonly upTo: number;
  readonly rows: ReadonlyMap<RoomId, MembershipRow>;
  /** Joined rooms that the client has, with this answer. */
  readonly known: readonly RoomId[];
  /** Rooms that are new to the client in this answer, with the events of their timelines. */
  readonly initial: ReadonlyMap<RoomId, readonly EventId[]>;
};

/** What sliding sync tells beside rooms: MSC3884, 3885, 3959, 3960 and 3961. */
export class SlidingExtensions {
  readonly #deps: SlidingExtensionsDeps;

  constructor(deps: SlidingExtensionsDeps) {
    this.#deps = deps;
  }

  async answer(question: ExtensionsQuestion): Promise<ExtensionResults> {
    const { asked } = question;
    const [toDevice, e2ee, accountData, [receipts, typing]] = await Promise.all([
      asked.toDevice === undefined ? undefined : this.#toDevice(question, asked.toDevice),
      asked.e2ee ? this.#e2ee(question) : undefined,
      asked.accountData ? this.#accountData(question) : undefined,
      this.#ephemeral(question),
    ]);
    return { toDevice, e2ee, accountData, receipts, typing };
  }

  async #toDevice(
    { audience, upTo }: ExtensionsQuestion,
    { since, limit }: { readonly since: string | undefined; readonly limit: number },
  ): Promise<ExtensionResults['toDevice']> {
    const after = since === undefined ? 0 : Math.min(parseSyncToken(since).toDevice, upTo);
    const device = { user: audience.user, device: audience.device ?? '' };
    const { messages, through } = await this.#deps.toDevice.read(
      device,
      { after, proven: after },
      upTo,
      limit,
    );
    return { nextBatch: syncToken({ stream: through, toDevice: through }), events: messages };
  }

  async #e2ee(question: ExtensionsQuestion): Promise<ExtensionResults['e2ee']> {
    const { audience, since, upTo } = question;
    const device = { user: audience.user, device: audience.device ?? '' };
    const counts = await this.#deps.keys.counts(device, since ?? 0, upTo);
    return { ...counts, lists: since === undefined ? undefined : await this.#lists(question, since) };
  }

  async #lists({ audience, upTo, rows }: ExtensionsQuestion, since: number) {
    const { feed, lists, changesBetween } = this.#deps;
    const events = feed.between(since, upTo);
    if (events === undefined) return changesBetween(audience.user, since, upTo);
    const sharing = {
      joinedRooms: [] as RoomId[],
      leftRooms: [] as RoomId[],
      joinedUsers: new Set<string>(),
      leftUsers: new Set<string>(),
      encryptedRooms: [] as RoomId[],
    } satisfies SharingChanges;
    for (const { room, membership, stream } of rows.values()) {
      if (stream <= since) continue;
      if (membership === 'join') sharing.joinedRooms.push(room);
      else if (isOver(membership)) sharing.leftRooms.push(room);
    }
    for (const { room, pdu, memberChanges } of events) {
      if (rows.get(room)?.membership !== 'join') continue;
      if (pdu.type === EventType.Encryption && pdu.stateKey === '') sharing.encryptedRooms.push(room);
      for (const { user, membership } of memberChanges) {
        if (user === audience.user) continue;
        if (membership === 'join') sharing.joinedUsers.add(user);
        else if (isOver(membership)) sharing.leftUsers.add(user);
      }
    }
    return lists.changes(audience.user, since, upTo, sharing);
  }

  async #accountData(question: ExtensionsQuestion): Promise<ExtensionResults['accountData']> {
    const { audience, since, upTo, known, initial } = question;
    const { accountData } = this.#deps;
    const news = await accountData.changed(audience.user, since ?? 0, upTo);
    // Of a room that is new to the client, everything is.
    const all =
      since === undefined || initial.size === 0 ? news : await accountData.changed(audience.user, 0, upTo);
    const rooms = new Map<RoomId, readonly JsonObject[]>();
    for (const room of known) {
      const entries = (initial.has(room) ? all : news).rooms.get(room);
      if (entries === undefined) continue;
      // Account data is stored as the JSON that a client sent.
      const events = entries.map(({ type, content }): JsonObject => ({
        type,
        content: content as JsonObject,
      }));
      rooms.set(room, events);
    }
    return { global: news.global, rooms };
  }

  /** Receipts and typing: of rooms the client has what is new, of rooms new to it what concerns their timelines. */
  async #ephemeral({ audience, asked, since, upTo, known, initial }: ExtensionsQuestion) {
    if (!asked.receipts && !asked.typing) return [undefined, undefined] as const;
    const receipts = new Map<RoomId, JsonObject>();
    const typing = new Map<RoomId, JsonObject>();
    const { ephemeral } = this.#deps;
    const take = (events: ReadonlyMap<RoomId, readonly JsonObject[]>): void => {
      for (const [room, list] of events) {
        for (const event of list) {
          if (event.type === 'm.typing') typing.set(room, event);
          else receipts.set(room, event);
        }
      }
    };
    const live = known.filter((room) => !initial.has(room));
    if (since !== undefined) take(await ephemeral.changed(audience.user, live, since, upTo));
    if (initial.size > 0) {
      const found = await ephemeral.changed(audience.user, initial.keys(), 0, upTo);
      take(found);
      for (const [room, ids] of initial) {
        const event = receipts.get(room);
        const shown = event === undefined ? undefined : ofTimeline(event, ids, audience.user);
        if (shown === undefined) receipts.delete(room);
        else receipts.set(room, shown);
      }
    }
    return [asked.receipts ? receipts : undefined, asked.typing ? typing : undefined] as const;
  }
}

const isOver = (membership: Membership): boolean => membership === 'leave' || membership === 'ban';

/** A receipts event with those of events in a timeline, and the user's own; undefined when there are none. */
function ofTimeline(event: JsonObject, ids: readonly EventId[], user: string): JsonObject | undefined {
  const { content } = event;
  if (content === undefined || !isJsonObject(content)) return undefined;
  const shown = new Set<string>(ids);
  const kept = Object.entries(content).filter(
    ([id, byType]) => shown.has(id) || JSON.stringify(byType).includes(JSON.stringify(user)),
  );
  return kept.length === 0 ? undefined : { ...event, content: Object.fromEntries(kept) };
}
