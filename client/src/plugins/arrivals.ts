import type { ArrivedEvent } from '@nyx/plugin-sdk/client/data.ts';
import type { RoomEvent } from '../matrix/types.ts';
import type { SyncChanges } from '../matrix/sync/apply.ts';
import type { SessionRuntime } from '../runtime/session-runtime.ts';

/** Encrypted events whose key has not come, kept to be told of later. */
const MAX_WAITING = 500;

/** Decrypts what a sync brought, with who sent it proven, for plugins that read events. */
export class Arrivals {
  readonly #runtime: SessionRuntime;
  readonly #waiting = new Map<string, { readonly roomId: string; readonly event: RoomEvent }>();

  constructor(runtime: SessionRuntime) {
    this.#runtime = runtime;
  }

  /** Events of one sync, those of each room in order. */
  async of(changes: SyncChanges): Promise<ArrivedEvent[]> {
    const found: ArrivedEvent[] = [];
    for (const { room, appended } of changes.rooms) found.push(...(await this.#read(room.roomId, appended)));
    return found;
  }

  /** Events whose keys have come now. */
  async later(roomId: string, eventIds: readonly string[]): Promise<ArrivedEvent[]> {
    const events = eventIds.flatMap((id) => this.#waiting.get(id)?.event ?? []);
    return this.#read(roomId, events);
  }

  async #read(roomId: string, events: readonly RoomEvent[]): Promise<ArrivedEvent[]> {
    const sealed = events.filter(({ type }) => type === 'm.room.encrypted');
    const results = new Map<string, Awaited<ReturnType<Arrivals['decrypt']>>[number]>();
    for (let from = 0; from < sealed.length; from += 200)
      for (const result of await this.decrypt(roomId, sealed.slice(from, from + 200)))
        results.set(result.eventId, result);
    return events.flatMap((event): ArrivedEvent[] => {
      const base = this.#base(roomId, event);
      if (event.type !== 'm.room.encrypted')
        return [{ ...base, type: event.type, content: event.content, encrypted: false }];
      const result = results.get(event.event_id);
      if (result?.state === 'waiting') this.#wait(roomId, event);
      else this.#waiting.delete(event.event_id);
      if (result?.state !== 'decrypted') return [];
      const { type, content, device, trust } = result;
      return [{ ...base, type, content, device, trust, encrypted: true }];
    });
  }

  async decrypt(roomId: string, events: readonly RoomEvent[]) {
    return (await this.#runtime.engine.call('decryptEvents', { roomId, events: [...events] })).results;
  }

  #wait(roomId: string, event: RoomEvent): void {
    this.#waiting.set(event.event_id, { roomId, event });
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > MAX_WAITING && oldest !== undefined) this.#waiting.delete(oldest);
  }

  #base(roomId: string, event: RoomEvent): Omit<ArrivedEvent, 'type' | 'content' | 'encrypted'> {
    const { platform, session } = this.#runtime;
    const age = event.unsigned?.age;
    return {
      ...{ roomId, eventId: event.event_id, sender: event.sender, timestamp: event.origin_server_ts },
      isOwn: event.sender === session.userId,
      age: Math.max(0, typeof age === 'number' ? age : platform.now() - event.origin_server_ts),
      ...(event.state_key === undefined ? {} : { stateKey: event.state_key }),
    };
  }
}
