import { isRedacted } from '../events.ts';
import type { Content, RoomEvent } from '../types.ts';

/** An event as it can be shown: its clear type and content, or why there is none yet. */
export type Clear =
  | { readonly state: 'clear'; readonly type: string; readonly content: Content }
  | {
      readonly state: 'decrypted';
      readonly type: string;
      readonly content: Content;
      readonly trust: 'verified' | 'pinned' | 'own';
      readonly warnings: readonly string[];
    }
  /** The vault is closed, or the engine has not answered: shown like a message that is being fetched. */
  | { readonly state: 'pending' }
  | { readonly state: 'waiting'; readonly askSender: boolean }
  | { readonly state: 'refused' | 'unverified' | 'lost'; readonly code: string };

export type Entry = { readonly event: RoomEvent; readonly clear: Clear };

/** Decrypts events of one room; answers in the same order, never rejects. */
export interface Decryptor {
  decrypt(roomId: string, events: readonly RoomEvent[]): Promise<Clear[]>;
}

export const isEncrypted = (event: RoomEvent): boolean =>
  event.type === 'm.room.encrypted' && event.state_key === undefined && !isRedacted(event);

/** Pairs events with what they say; only encrypted ones go to the decryptor, in one batch. */
export const clearEntries = async (
  decryptor: Decryptor,
  roomId: string,
  events: readonly RoomEvent[],
): Promise<Entry[]> => {
  const encrypted = events.filter(isEncrypted);
  const answers = encrypted.length === 0 ? [] : await decryptor.decrypt(roomId, encrypted);
  const byEvent = new Map(encrypted.map((event, index) => [event, answers[index]]));
  return events.map((event) => ({
    event,
    clear: isEncrypted(event)
      ? (byEvent.get(event) ?? { state: 'pending' })
      : { state: 'clear', type: event.type, content: event.content },
  }));
};
