import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import { DomainError } from '../errors.ts';
import type { Audience } from '../events/client-event.ts';
import type { PresentEvents } from '../events/present-events.ts';
import type { RoomViewers } from './room-viewers.ts';
import { parseToken, placeToken } from './tokens.ts';

export type ThreadsRequest = {
  readonly room: RoomId;
  readonly audience: Audience;
  readonly onlyParticipated: boolean;
  readonly limit: number;
  readonly from: string | undefined;
};

/** Roots of a room's threads (spec: Client-Server API, GET threads). */
export class GetThreads {
  readonly #viewers: RoomViewers;
  readonly #present: PresentEvents;
  readonly #ignored: IgnoredUsers;

  constructor(viewers: RoomViewers, present: PresentEvents, ignored: IgnoredUsers) {
    this.#viewers = viewers;
    this.#present = present;
    this.#ignored = ignored;
  }

  async get(request: ThreadsRequest): Promise<{ chunk: readonly JsonObject[]; next: string | undefined }> {
    const { room, audience, onlyParticipated, limit, from } = request;
    const { viewer } = await this.#viewers.view(room, audience.user);
    const { engine } = this.#viewers.rooms;
    const token = from === undefined ? undefined : parseToken(from);
    if (token !== undefined && 'stream' in token) throw new DomainError('invalid_param', 'Unknown token');
    const threads = await engine.relations.threads({
      room,
      below: token?.pos,
      limit: limit + 1,
      ...(onlyParticipated ? { participant: audience.user } : {}),
    });
    const page = threads.slice(0, limit);
    const ignored = await this.#ignored.ignoredBy(audience.user);
    const roots = await engine.events.getAll(page.map(({ root }) => root));
    const inOrder = page.map(({ root }) => roots.get(root)).filter((event) => event?.room === room);
    const visible = await this.#viewers.visibility.filter(
      viewer,
      inOrder.filter((event) => event !== undefined),
    );
    const shown = await this.#present.present(visible, { audience, withRoomId: true, withRelations: true });
    const chunk = shown.map((event, at) => {
      const sender = visible[at]?.event.pdu.sender ?? '';
      return ignored.has(sender) ? { ...event, content: {} } : event;
    });
    const last = page.at(-1);
    return { chunk, next: threads.length > limit && last ? placeToken(last.newest) : undefined };
  }
}
