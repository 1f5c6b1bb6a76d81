import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { EphemeralSource } from '../../ports/sync-sources.ts';
import type { Receipts } from '../receipts/receipts.ts';
import type { Typing } from '../typing/typing.ts';

/** Receipts and typing, without those of users whom the reader ignores. */
export class Ephemeral implements EphemeralSource {
  readonly #receipts: Receipts;
  readonly #typing: Typing;
  readonly #ignored: IgnoredUsers;

  constructor(receipts: Receipts, typing: Typing, ignored: IgnoredUsers) {
    this.#receipts = receipts;
    this.#typing = typing;
    this.#ignored = ignored;
  }

  async changed(
    user: string,
    rooms: Iterable<RoomId>,
    after: number,
    upTo: number,
  ): Promise<ReadonlyMap<RoomId, readonly JsonObject[]>> {
    const named = [...rooms];
    const events = new Map<RoomId, JsonObject[]>();
    const receipts = await this.#receipts.changed(user, named, after, upTo);
    for (const [room, event] of receipts) events.set(room, [event]);
    const ignored = await this.#ignored.ignoredBy(user);
    for (const [room, typing] of this.#typing.changed(named, after, upTo, ignored)) {
      events.set(room, [...(events.get(room) ?? []), typing]);
    }
    return events;
  }
}
