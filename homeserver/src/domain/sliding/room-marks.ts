import { isJsonArray, isJsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { LRUCache } from 'lru-cache';
import type { AccountDataStore } from '../../ports/accounts.ts';
import { TAGS_TYPE } from '../accounts/account-data.ts';

/** What a user says of rooms by account data: which are direct chats, and tags. */
export type RoomMarks = {
  readonly direct: ReadonlySet<string>;
  readonly tags: ReadonlyMap<string, ReadonlySet<string>>;
};

const MAX_USERS = 5_000;
const DIRECT_TYPE = 'm.direct';

/** Marks of rooms, kept in memory until the account data changes. */
export class UserRoomMarks {
  readonly #store: Pick<AccountDataStore, 'changed'>;
  readonly #users = new LRUCache<string, Promise<RoomMarks>>({ max: MAX_USERS });

  constructor(store: Pick<AccountDataStore, 'changed'>) {
    this.#store = store;
  }

  of(user: string): Promise<RoomMarks> {
    const held = this.#users.get(user);
    if (held !== undefined) return held;
    const load = this.#load(user);
    this.#users.set(user, load);
    load.catch(() => this.#users.delete(user));
    return load;
  }

  /** The user's account data may have changed; everybody's, without a user. */
  forget(user: string | undefined): void {
    if (user === undefined) this.#users.clear();
    else this.#users.delete(user);
  }

  async #load(user: string): Promise<RoomMarks> {
    const direct = new Set<string>();
    const tags = new Map<string, ReadonlySet<string>>();
    for (const { roomId, type, content } of await this.#store.changed(user, 0, Number.MAX_SAFE_INTEGER)) {
      if (roomId === '' && type === DIRECT_TYPE) {
        for (const rooms of Object.values(content) as JsonValue[]) {
          if (isJsonArray(rooms)) for (const room of rooms) if (typeof room === 'string') direct.add(room);
        }
      } else if (type === TAGS_TYPE) {
        const named = (content as Record<string, JsonValue | undefined>).tags;
        if (named !== undefined && isJsonObject(named)) tags.set(roomId, new Set(Object.keys(named)));
      }
    }
    return { direct, tags };
  }
}
