import { parseEvents, parseRoomEvent } from '../events.ts';
import { fail, ok } from '../api/result.ts';
import type { Result } from '../api/result.ts';
import { context, messages } from '../api/rooms.ts';
import type { Api } from '../api/http.ts';
import type { RoomEvent } from '../types.ts';
import type { Page, TimelineSource } from './source.ts';

/** Around one event that the store does not hold: a permalink, a date, a pinned message. Lives in memory only. */
export class ContextSource implements TimelineSource {
  readonly #api: Api;
  readonly #roomId: string;
  readonly #eventId: string;
  #start: string | undefined;
  #end: string | undefined;

  constructor(api: Api, roomId: string, eventId: string) {
    this.#api = api;
    this.#roomId = roomId;
    this.#eventId = eventId;
  }

  async open(count: number): Promise<Result<Page & { live: boolean; atStart: boolean }>> {
    const answer = await context(this.#api, this.#roomId, this.#eventId, count);
    if (!answer.ok) return answer;
    const middle = parseRoomEvent(answer.value.event);
    if (middle === undefined) return fail({ kind: 'shape', message: 'context without its event' });
    this.#start = answer.value.start;
    this.#end = answer.value.end;
    const before = parseEvents(answer.value.events_before, parseRoomEvent, count).reverse();
    const after = parseEvents(answer.value.events_after, parseRoomEvent, count);
    return ok({
      events: [...before, middle, ...after],
      end: false,
      live: this.#end === undefined,
      atStart: this.#start === undefined,
    });
  }

  async older(count: number): Promise<Result<Page>> {
    const page = await this.#page('b', this.#start, count);
    if (page.ok) this.#start = page.value.next;
    return page.ok ? ok({ events: page.value.events.reverse(), end: page.value.next === undefined }) : page;
  }

  async newer(count: number): Promise<Result<Page>> {
    const page = await this.#page('f', this.#end, count);
    if (!page.ok) return page;
    this.#end = page.value.next;
    return ok({
      events: page.value.events,
      end: page.value.next === undefined || page.value.events.length === 0,
    });
  }

  async rewind(): Promise<boolean> {
    return false;
  }

  async related(): Promise<RoomEvent[]> {
    return [];
  }

  async #page(
    dir: 'b' | 'f',
    from: string | undefined,
    limit: number,
  ): Promise<Result<{ events: RoomEvent[]; next: string | undefined }>> {
    if (from === undefined) return ok({ events: [], next: undefined });
    const answer = await messages(this.#api, { roomId: this.#roomId, from, dir, limit });
    if (!answer.ok) return answer;
    const events = parseEvents(answer.value.chunk, parseRoomEvent, limit);
    const next = answer.value.end === from ? undefined : answer.value.end;
    return ok({ events, next });
  }
}
