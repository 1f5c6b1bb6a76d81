import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { AccountDataEntry, AccountDataStore } from '../../ports/accounts.ts';
import type { QuietKeys } from './quiet-keys.ts';

/** Changed account data, of the user and of rooms. */
export type AccountDataChanges = {
  readonly global: readonly JsonObject[];
  readonly rooms: ReadonlyMap<RoomId, readonly AccountDataEntry[]>;
};

/** Entries that a user has without ever having set them. */
export type ImpliedAccountData = (user: string, set: readonly AccountDataEntry[]) => readonly JsonObject[];

const NO_ENTRIES: readonly AccountDataEntry[] = [];
const NOTHING: AccountDataChanges = { global: [], rooms: new Map() };

/** What changed in a user's account data; asks the store only when something may have. */
export class AccountDataNews {
  readonly #store: Pick<AccountDataStore, 'changed'>;
  readonly #quiet: QuietKeys;
  readonly #implied: ImpliedAccountData;

  constructor(store: Pick<AccountDataStore, 'changed'>, quiet: QuietKeys, implied: ImpliedAccountData) {
    this.#store = store;
    this.#quiet = quiet;
    this.#implied = implied;
  }

  async changed(user: string, after: number, upTo: number): Promise<AccountDataChanges> {
    const entries = await this.#quiet.ask(user, 'account data', after, upTo, {
      nothing: NO_ENTRIES,
      isNothing: (found) => found.length === 0,
      ask: () => this.#store.changed(user, after, upTo),
    });
    if (entries.length === 0 && after > 0) return NOTHING;
    const global: AccountDataEntry[] = [];
    const rooms = new Map<RoomId, AccountDataEntry[]>();
    for (const entry of entries) {
      if (entry.roomId === '') global.push(entry);
      else if (isRoomId(entry.roomId)) rooms.set(entry.roomId, [...(rooms.get(entry.roomId) ?? []), entry]);
    }
    return { global: after === 0 ? this.#implied(user, global) : global.map(asEvent), rooms };
  }
}

const asEvent = ({ type, content }: AccountDataEntry): JsonObject => ({
  type,
  // Account data is stored as the JSON that a client sent.
  content: content as JsonObject,
});
