import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { isServerName, type ServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { isUserId, userIdServer } from '@nyx/federation/spec/identifiers/user-id.ts';
import type { OutboundStore } from '../../ports/federation-stores.ts';
import type { Logger } from '../../ports/logger.ts';
import type { Receipt } from '../../ports/receipt-store.ts';
import type { UserPresence } from '../presence/presence.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import type { LiveEduDeps, LiveEduOptions } from './live-edus.ts';

export type SendLiveEdusDeps = Omit<LiveEduDeps, 'access'> & {
  readonly userRooms: UserRooms;
  readonly outbound: OutboundStore;
  readonly logger: Logger;
  readonly wake: (destinations: readonly ServerName[]) => Promise<void>;
  /** Whether a server is known to be down: what is only of the moment is not kept for it. */
  readonly isDown: (server: ServerName) => boolean;
};

/** Tells other servers what our users do right now: typing, reading, being there. */
export class SendLiveEdus implements Disposable {
  readonly #deps: SendLiveEdusDeps;
  readonly #server: ServerName;
  readonly #listening: Disposable[] = [];

  constructor(deps: SendLiveEdusDeps, server: ServerName) {
    this.#deps = deps;
    this.#server = server;
  }

  start(options: LiveEduOptions): void {
    const { typing, receipts, presence } = this.#deps;
    if (options.typing)
      this.#listening.push(
        typing.onTyping((room, user, isTyping) => {
          this.#attempt(this.#typing(room, user, isTyping));
        }),
      );
    if (options.receipts)
      this.#listening.push(
        receipts.onReceipt((receipt) => {
          this.#attempt(this.#receipt(receipt));
        }),
      );
    if (options.presence)
      this.#listening.push(
        presence.onPresence((state) => {
          this.#attempt(this.#presence(state));
        }),
      );
  }

  [Symbol.dispose](): void {
    for (const listener of this.#listening) listener[Symbol.dispose]();
  }

  #attempt(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#deps.logger.warn({ err: error }, 'could not queue an ephemeral message');
    });
  }

  #isOurs(user: string): boolean {
    return isUserId(user) && userIdServer(user) === this.#server;
  }

  async #typing(room: RoomId, user: string, isTyping: boolean): Promise<void> {
    if (!this.#isOurs(user)) return;
    const edu = { edu_type: 'm.typing', content: { room_id: room, user_id: user, typing: isTyping } };
    await this.#send(await this.#serversOf([room]), edu, false);
  }

  async #receipt({ room, user, type, thread, event, ts }: Receipt): Promise<void> {
    if (!this.#isOurs(user) || type !== 'm.read') return;
    const data = { ts, ...(thread === undefined ? {} : { thread_id: thread }) };
    const content = { [room]: { 'm.read': { [user]: { event_ids: [event], data } } } };
    await this.#send(await this.#serversOf([room]), { edu_type: 'm.receipt', content }, true);
  }

  async #presence(state: UserPresence): Promise<void> {
    if (!this.#isOurs(state.user)) return;
    const content = { push: [{ user_id: state.user, ...this.#deps.presence.content(state) }] };
    const rooms = await this.#deps.userRooms.joined(state.user);
    await this.#send(await this.#serversOf(rooms), { edu_type: 'm.presence', content }, false);
  }

  async #serversOf(rooms: readonly RoomId[]): Promise<ServerName[]> {
    const servers = new Set<ServerName>();
    for (const room of rooms) {
      const live = await this.#deps.rooms.find(room);
      for (const name of live?.tally.servers.keys() ?? []) if (isServerName(name)) servers.add(name);
    }
    servers.delete(this.#server);
    return [...servers];
  }

  async #send(servers: readonly ServerName[], edu: JsonObject, isKept: boolean): Promise<void> {
    const { outbound, wake, isDown } = this.#deps;
    const destinations = isKept ? servers : servers.filter((server) => !isDown(server));
    if (destinations.length === 0) return;
    await outbound.add(destinations, [{ kind: 'edu', edu }]);
    await wake(destinations);
  }
}
