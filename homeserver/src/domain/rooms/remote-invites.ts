import { parsePdu } from '@nyx/federation/events/pdu.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { PluginHooks } from '../../ports/plugin-hooks.ts';
import type { RemoteRooms } from '../../ports/remote-rooms.ts';
import type { EventBuilder, EventRequest } from '../events/event-builder.ts';
import type { PersistEvents } from '../events/persist-events.ts';
import { wholeRoom } from '../events/whole-room.ts';
import type { RoomReads } from './room-reads.ts';
import { strippedState } from './stripped-state.ts';

/** Invites users of other servers: their server signs the event before it becomes part of the room. */
export class RemoteInvites {
  readonly #rooms: RoomReads;
  readonly #builder: EventBuilder;
  readonly #persist: PersistEvents;
  readonly #remote: RemoteRooms;
  readonly #plugins: PluginHooks;

  constructor(
    rooms: RoomReads,
    builder: EventBuilder,
    persist: PersistEvents,
    remote: RemoteRooms,
    plugins: PluginHooks,
  ) {
    this.#rooms = rooms;
    this.#builder = builder;
    this.#persist = persist;
    this.#remote = remote;
    this.#plugins = plugins;
  }

  /** Throws what the other server answers, or `forbidden`. */
  async invite(room: RoomId, request: EventRequest): Promise<void> {
    const { sender, stateKey = '' } = request;
    await this.#plugins.check('checkInvite', () => ({ roomId: room, inviter: sender, invitee: stateKey }));
    const live = (await wholeRoom(this.#rooms.engine.heads, room)) ?? (await this.#rooms.require(room));
    const { rules, state } = live.head;
    // The other server is asked outside the room's turn: it may take its time. If the room moves on meanwhile, the
    // invite stands beside what came in between.
    const draft = await this.#builder.build(live.head, request);
    const shown = await strippedState(this.#rooms, state, draft.event);
    const signed = await this.#remote.invite(draft.event.pdu, rules, shown);
    await this.#persist.persist(room, rules, [{ pdu: parsePdu(rules, signed), stateBefore: state }]);
  }
}
