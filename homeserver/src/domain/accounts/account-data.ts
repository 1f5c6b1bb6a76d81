import type { AccountDataEntry, AccountDataStore } from '../../ports/accounts.ts';
import type { Notifier } from '../../ports/notifier.ts';
import type { StreamPositions } from '../../ports/stream-positions.ts';
import type { Bus } from '../../ports/bus.ts';
import { z } from 'zod';
import { DomainError } from '../errors.ts';
import { effectiveRules } from '../push-rules/edit-rules.ts';

type Content = AccountDataEntry['content'];

export const PUSH_RULES_TYPE = 'm.push_rules';
export const FULLY_READ_TYPE = 'm.fully_read';
export const TAGS_TYPE = 'm.tag';

/** Times a change is worked out again because somebody else changed the same entry. */
const MAX_ATTEMPTS = 10;
/** Key of entries that belong to no room. */
const NO_ROOM = '';

const TOPIC = 'account-data';
const changeSchema = z.object({ userId: z.string() });

/** Called with the user whose data changed, or with undefined when changes may have been missed. */
export type AccountDataListener = (userId: string | undefined) => void;

/** What users keep on the server. Changes go into the sync stream under the user's id. */
export class AccountData {
  readonly #store: AccountDataStore;
  readonly #stream: StreamPositions;
  readonly #notifier: Notifier;
  readonly #bus: Bus;
  readonly #listeners = new Set<AccountDataListener>();

  constructor(store: AccountDataStore, stream: StreamPositions, notifier: Notifier, bus: Bus) {
    this.#store = store;
    this.#stream = stream;
    this.#notifier = notifier;
    this.#bus = bus;
    bus.subscribe(TOPIC, (payload) => this.#tell(changeSchema.parse(payload).userId));
    bus.onConnectionChange(() => this.#tell(undefined));
  }

  /** Tells of changes in every process; for caches of what is kept here. */
  onChange(listener: AccountDataListener): void {
    this.#listeners.add(listener);
  }

  /** Content of an entry; `roomId` undefined for what belongs to no room. */
  async get(userId: string, roomId: string | undefined, type: string): Promise<Content | undefined> {
    const entry = await this.#store.find(userId, roomId ?? NO_ROOM, type);
    if (type === PUSH_RULES_TYPE && roomId === undefined)
      return { global: effectiveRules(userId, entry?.content) };
    return entry?.content;
  }

  /** Replaces an entry. */
  async set(userId: string, roomId: string | undefined, type: string, content: Content): Promise<void> {
    await this.#stream.write(1, async ([position = 0]) => {
      await this.#store.put({ userId, roomId: roomId ?? NO_ROOM, type, content, position });
      this.#changed(userId, position);
    });
  }

  /** Changes an entry by a function of its content, which may run several times when others change it too. */
  async update(
    userId: string,
    roomId: string | undefined,
    type: string,
    change: (content: Content | undefined) => Content,
  ): Promise<void> {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const current = await this.#store.find(userId, roomId ?? NO_ROOM, type);
      const content = change(current?.content);
      const done = await this.#stream.write(1, async ([position = 0]) => {
        const entry = { userId, roomId: roomId ?? NO_ROOM, type, content, position };
        const stored = await this.#store.put(entry, current?.position ?? 0);
        if (stored) this.#changed(userId, position);
        return stored;
      });
      if (done) return;
    }
    throw new DomainError('conflict', 'Somebody else keeps changing this, try again');
  }

  /**
   * Entries that changed in (after, upTo], oldest first. Push rules are as they are in force; a sync from the
   * beginning has them even when the user never changed any.
   */
  async changes(userId: string, after: number, upTo: number): Promise<AccountDataEntry[]> {
    const entries = await this.#store.changed(userId, after, upTo);
    const isRules = ({ type, roomId }: AccountDataEntry): boolean =>
      type === PUSH_RULES_TYPE && roomId === NO_ROOM;
    const shown = entries.map((entry) =>
      isRules(entry) ? { ...entry, content: { global: effectiveRules(userId, entry.content) } } : entry,
    );
    if (after > 0 || entries.some(isRules)) return shown;
    const rules = {
      userId,
      roomId: NO_ROOM,
      type: PUSH_RULES_TYPE,
      content: { global: effectiveRules(userId, undefined) },
    };
    return [{ ...rules, position: 0 }, ...shown];
  }

  #changed(userId: string, position: number): void {
    this.#tell(userId);
    this.#bus.publish(TOPIC, { userId });
    this.#notifier.publish([userId], position);
  }

  #tell(userId: string | undefined): void {
    for (const listener of this.#listeners) listener(userId);
  }
}
