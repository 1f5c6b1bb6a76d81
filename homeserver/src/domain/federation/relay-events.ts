import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { OutboundStore } from '../../ports/federation-stores.ts';
import type { LiveRoom } from '../events/room-heads.ts';

/** Passes events of other servers on to the servers of a room: memberships that were sent to us alone. */
export class RelayEvents {
  readonly #outbound: OutboundStore;
  readonly #server: ServerName;
  readonly #wake: (destinations: readonly ServerName[]) => Promise<void>;

  constructor(
    outbound: OutboundStore,
    server: ServerName,
    wake: (destinations: readonly ServerName[]) => Promise<void>,
  ) {
    this.#outbound = outbound;
    this.#server = server;
    this.#wake = wake;
  }

  /**
   * Stores an event and queues it for the room's servers. It is queued first, so that a crash in between loses nothing;
   * a queued event that was never stored is passed over by the sender.
   */
  async relaying(pdu: Pdu, live: LiveRoom, except: ServerName, store: () => Promise<void>): Promise<void> {
    const destinations = [...live.tally.servers.keys()]
      .filter(isServerName)
      .filter((name) => name !== this.#server && name !== except);
    // It has no place in the stream yet, but one above what the room has now.
    const order = live.head.stream + 0.5;
    await this.#outbound.add(destinations, [{ kind: 'pdu', eventId: pdu.eventId, order }]);
    await store();
    await this.#wake(destinations);
  }
}
