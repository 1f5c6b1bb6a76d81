import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { PushRules } from '../../ports/push-rules.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { pushEvent, pushRoomFor } from '../push-rules/push-room.ts';
import type { PushRoom } from '../push-rules/evaluate.ts';
import type { PushAction } from '../push-rules/types.ts';
import { hasRead } from '../receipts/has-read.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { RoomViewers } from '../rooms/room-viewers.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import { NewestFirst } from './newest-first.ts';

export type ListNotificationsDeps = {
  readonly viewers: RoomViewers;
  readonly userRooms: UserRooms;
  readonly receipts: Receipts;
  readonly rules: PushRules;
  readonly ignored: IgnoredUsers;
  readonly present: PresentEvents;
};

export type NotificationsRequest = {
  readonly audience: Audience;
  /** Only events before this stream position. */
  readonly before: number | undefined;
  readonly limit: number;
  readonly onlyHighlights: boolean;
};

export type Notification = {
  readonly room: RoomId;
  readonly event: JsonObject;
  readonly actions: readonly PushAction[];
  readonly read: boolean;
  readonly ts: number;
};

/** Most events looked at for one page. */
const MAX_SCANNED = 1_000;

/**
 * What a user was notified of (spec: Client-Server API, GET notifications), newest first: worked out by the rules as
 * they are now, so that nothing has to be kept for those who never ask.
 */
export class ListNotifications {
  readonly #deps: ListNotificationsDeps;

  constructor(deps: ListNotificationsDeps) {
    this.#deps = deps;
  }

  async list(request: NotificationsRequest): Promise<{
    readonly notifications: readonly Notification[];
    /** Where the next page begins; undefined at the end. */
    readonly next: number | undefined;
  }> {
    const { audience, before, limit, onlyHighlights } = request;
    const { userRooms, viewers } = this.#deps;
    const joined = await userRooms.joined(audience.user);
    const events = new NewestFirst(viewers.rooms.engine, joined, before);
    const judge = await this.#judge(audience.user);
    const found: Notification[] = [];
    for (let scanned = 0; scanned < MAX_SCANNED; scanned++) {
      const event = await events.next();
      if (event === undefined) return { notifications: found, next: undefined };
      const actions = await judge(event, onlyHighlights);
      if (actions !== undefined) found.push(await this.#notification(event, actions, audience));
      if (found.length === limit) break;
    }
    return { notifications: found, next: events.reached };
  }

  /** What decides about events for a user; undefined for events that do not notify. */
  async #judge(
    user: string,
  ): Promise<(event: StoredEvent, onlyHighlights: boolean) => Promise<readonly PushAction[] | undefined>> {
    const { rules, ignored, viewers } = this.#deps;
    const evaluate = await rules.evaluator(user);
    const ignoredUsers = await ignored.ignoredBy(user);
    const rooms = new Map<RoomId, (sender: string) => PushRoom>();
    return async (event, onlyHighlights) => {
      const { sender } = event.pdu;
      if (sender === user || event.redactedBy !== undefined || ignoredUsers.has(sender)) return undefined;
      let room = rooms.get(event.room);
      if (room === undefined) {
        const live = await viewers.rooms.find(event.room);
        if (live === undefined) return undefined;
        room = await pushRoomFor(viewers.rooms, live, user);
        rooms.set(event.room, room);
      }
      const verdict = evaluate(pushEvent(event), room(sender));
      if (!verdict.notify || (onlyHighlights && !verdict.highlight)) return undefined;
      const { viewer } = await viewers.view(event.room, user);
      return (await viewers.visibility.isVisible(viewer, event)) ? verdict.actions : undefined;
    };
  }

  async #notification(
    event: StoredEvent,
    actions: readonly PushAction[],
    audience: Audience,
  ): Promise<Notification> {
    const { present, receipts } = this.#deps;
    const own = (await receipts.ofUser(audience.user)).get(event.room) ?? [];
    const options = { audience, withRoomId: false, withRelations: false };
    return {
      room: event.room,
      event: await present.presentOne({ event }, options),
      actions,
      read: hasRead(own, event),
      ts: event.receivedAt,
    };
  }
}
