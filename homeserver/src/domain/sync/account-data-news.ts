import type { JsonObject } from '@nyx/federation/json/value.ts';
import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import type { AccountDataEntry } from '../../ports/accounts.ts';
import type { QuietKeys } from './quiet-keys.ts';

/** Changed account data, of the user and of rooms. */
export type AccountDataChanges = {
  readonly global: readonly JsonObject[];
  readonly rooms: ReadonlyMap<RoomId, readonly AccountDataEntry[]>;
};

/** Where account data is read from. */
export interface AccountDataChangesSource {
  /** Entries that changed in (after, upTo], oldest first. */
  changes(userId: string, after: number, upTo: number): Promise<readonly AccountDataEntry[]>;
}

const NO_ENTRIES: readonly AccountDataEntry[] = [];
const NOTHING: AccountDataChanges = { global: [], rooms: new Map() };

/** What changed in a user's account data; asks the store only when something may have. */
export class AccountDataNews {
  readonly #source: AccountDataChangesSource;
  readonly #quiet: QuietKeys;

  constructor(source: AccountDataChangesSource, quiet: QuietKeys) {
    this.#source = source;
    this.#quiet = quiet;
  }

  async changed(user: string, after: number, upTo: number): Promise<AccountDataChanges> {
    const entries = await this.#quiet.ask(user, 'account data', after, upTo, {
      nothing: NO_ENTRIES,
      isNothing: (found) => found.length === 0,
      ask: () => this.#source.changes(user, after, upTo),
    });
    if (entries.length === 0) return NOTHING;
    const global: AccountDataEntry[] = [];
    const rooms = new Map<RoomId, AccountDataEntry[]>();
    for (const entry of entries) {
      if (entry.roomId === '') global.push(entry);
      else if (isRoomId(entry.roomId)) rooms.set(entry.roomId, [...(rooms.get(entry.roomId) ?? []), entry]);
    }
    return { global: global.map(asEvent), rooms };
  }
}

const asEvent = ({ type, content }: AccountDataEntry): JsonObject => ({
  type,
  // Account data is stored as the JSON that a client sent.
  content: content as JsonObject,
});
