import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { IgnoredUsers } from '../../ports/ignored-users.ts';
import type { SearchIndex } from '../../ports/search-index.ts';
import { DomainError } from '../errors.ts';
import type { StoredEvent } from '../events/stored-event.ts';
import { eventPasses, roomPasses, type EventFilter } from '../rooms/event-filter.ts';
import type { RoomView, RoomViewers } from '../rooms/room-viewers.ts';
import type { UserRooms } from '../rooms/user-rooms.ts';
import { SEARCHED, searchedText } from './index-events.ts';
import type { SearchPlace } from './search-place.ts';
import { wordsOf } from './words.ts';

export type SearchRequest = {
  readonly user: string;
  readonly term: string;
  /** Keys of {@link SEARCHED}. */
  readonly keys: readonly string[];
  readonly filter: EventFilter;
  readonly order: 'rank' | 'recent';
  readonly limit: number;
  readonly place: SearchPlace | undefined;
};

export type Hit = { readonly event: StoredEvent; readonly rank: number };

export type SearchResult = {
  /** In the order asked for, at most `limit`. */
  readonly hits: readonly Hit[];
  /** All that was found in this stretch of the stream, for groups. */
  readonly found: readonly Hit[];
  /** How many the user may see, as far as was looked. */
  readonly count: number;
  /** Words that were searched for. */
  readonly words: readonly string[];
  readonly next: SearchPlace | undefined;
};

export type SearchEventsDeps = {
  readonly index: SearchIndex;
  readonly viewers: RoomViewers;
  readonly userRooms: UserRooms;
  readonly ignored: IgnoredUsers;
  /** Brings the index up to date, as far as that is done in a moment. */
  readonly catchUp: () => Promise<void>;
};

/** Words of a term that are searched for. */
const MAX_TERM_WORDS = 20;
/** Most matches looked at for one request, newest first; the next page goes on from there. */
const MAX_CANDIDATES = 500;
/** Most rooms searched; those with the newest memberships. */
const MAX_ROOMS = 5_000;
/** Saturation of repeated words, and the weight and the usual number of words of an event (as in BM25). */
const SATURATION = 1.2;
const LENGTH_WEIGHT = 0.75;
const USUAL_LENGTH = 20;
/** Words of an event that are looked at for its rank. */
const MAX_RANKED_WORDS = 1_000;

/** Finds events by their words, in the rooms a user is or was in, as far as the user may see them. */
export class SearchEvents {
  readonly #deps: SearchEventsDeps;

  constructor(deps: SearchEventsDeps) {
    this.#deps = deps;
  }

  /** Throws `invalid_param` for a term without words. */
  async search(request: SearchRequest): Promise<SearchResult> {
    const { user, term, keys, filter, order, limit, place } = request;
    const words = [...new Set(wordsOf(term, MAX_TERM_WORDS))];
    if (words.length === 0) throw new DomainError('invalid_param', 'The search term has no words');
    await this.#deps.catchUp();
    const candidates = await this.#deps.index.find({
      words,
      rooms: await this.#rooms(user, filter, place),
      types: keys.flatMap((key) => SEARCHED[key] ?? []),
      senders: place?.group?.key === 'sender' ? [place.group.value] : filter.senders,
      below: place?.below,
      limit: MAX_CANDIDATES,
    });
    const events = await this.#visible(
      user,
      candidates.map(({ event }) => event),
      filter,
    );
    const found = events.map((event) => ({ event, rank: rankOf(event, words) }));
    if (order === 'rank') found.sort((one, other) => other.rank - one.rank);
    const skip = place?.skip ?? 0;
    const hits = found.slice(skip, skip + limit);
    const isMore = skip + limit < found.length;
    const last = candidates.length === MAX_CANDIDATES ? candidates.at(-1)?.stream : undefined;
    const group = place?.group === undefined ? {} : { group: place.group };
    const within: SearchPlace = { below: place?.below, skip: skip + limit, ...group };
    const beyond: SearchPlace | undefined =
      last === undefined ? undefined : { below: last, skip: 0, ...group };
    return { hits, found, count: found.length, words, next: isMore ? within : beyond };
  }

  async #rooms(user: string, filter: EventFilter, place: SearchPlace | undefined): Promise<RoomId[]> {
    const group = place?.group;
    const rows = [...(await this.#deps.userRooms.of(user)).values()]
      .filter(({ membership }) => membership !== 'invite' && membership !== 'knock')
      .filter(({ room }) => roomPasses(filter, room))
      .filter(({ room }) => group?.key !== 'room_id' || group.value === room);
    return rows
      .sort((one, other) => other.stream - one.stream)
      .slice(0, MAX_ROOMS)
      .map(({ room }) => room);
  }

  /** Those of the events that the user may see and the filter lets through, in their order. */
  async #visible(
    user: string,
    ids: readonly StoredEvent['id'][],
    filter: EventFilter,
  ): Promise<StoredEvent[]> {
    const { viewers, ignored } = this.#deps;
    const ignoredUsers = await ignored.ignoredBy(user);
    const events = await viewers.rooms.engine.events.getAll(ids);
    const passing = ids
      .map((id) => events.get(id))
      .filter((event) => event !== undefined)
      .filter(({ redactedBy, pdu }) => redactedBy === undefined && !ignoredUsers.has(pdu.sender))
      .filter((event) => eventPasses(filter, event));
    const shown = new Set<StoredEvent>();
    for (const [room, ofRoom] of Map.groupBy(passing, ({ room: id }) => id)) {
      const view = await this.#view(room, user);
      if (view === undefined) continue;
      for (const { event } of await viewers.visibility.filter(view.viewer, ofRoom)) shown.add(event);
    }
    return passing.filter((event) => shown.has(event));
  }

  /** Undefined for rooms that the user was never in. */
  async #view(room: RoomId, user: string): Promise<RoomView | undefined> {
    try {
      return await this.#deps.viewers.view(room, user);
    } catch (error) {
      if (error instanceof DomainError && error.code === 'forbidden') return undefined;
      throw error;
    }
  }
}

/** How well an event fits: more of the words in fewer others. */
const rankOf = (event: StoredEvent, words: readonly string[]): number => {
  const text = wordsOf(searchedText(event) ?? '', MAX_RANKED_WORDS);
  const length = 1 - LENGTH_WEIGHT + (LENGTH_WEIGHT * text.length) / USUAL_LENGTH;
  let rank = 0;
  for (const word of words) {
    const times = text.filter((one) => one === word).length;
    rank += times / (times + SATURATION * length);
  }
  return rank / words.length;
};
