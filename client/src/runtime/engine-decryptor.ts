import type { DecryptResult } from '../crypto/engine/events.ts';
import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { Clear, Decryptor } from '../matrix/timeline/clear.ts';
import type { RoomEvent } from '../matrix/types.ts';

const batchSize = 200;
const maxCached = 4_000;

export const clearOf = (result: DecryptResult): Clear => {
  switch (result.state) {
    case 'decrypted':
      return {
        state: 'decrypted',
        type: result.type,
        content: result.content,
        trust: result.trust,
        warnings: result.warnings,
      };
    case 'waiting':
      return { state: 'waiting', askSender: result.askSender };
    default:
      return { state: result.state, code: result.code };
  }
};

/** Decrypts through the worker, in batches, remembering what it has read in memory only. */
export class EngineDecryptor implements Decryptor {
  readonly #engine: EngineClient;
  readonly #report: (error: unknown) => void;
  readonly #cache = new Map<string, Clear>();

  constructor(engine: EngineClient, report: (error: unknown) => void) {
    this.#engine = engine;
    this.#report = report;
  }

  async decrypt(roomId: string, events: readonly RoomEvent[]): Promise<Clear[]> {
    const open = events.filter((event) => !this.#cache.has(event.event_id));
    const fresh = new Map<string, Clear>();
    for (let from = 0; from < open.length; from += batchSize) {
      const batch = open.slice(from, from + batchSize);
      try {
        const { results } = await this.#engine.call('decryptEvents', { roomId, events: batch });
        for (const result of results) {
          const clear = clearOf(result);
          fresh.set(result.eventId, clear);
          if (clear.state === 'decrypted') this.#remember(result.eventId, clear);
        }
      } catch (error) {
        // A locked vault or a worker that died: the rows stay "waiting" and are tried again on the next notice.
        this.#report(error);
      }
    }
    return events.map(
      (event) => fresh.get(event.event_id) ?? this.#cache.get(event.event_id) ?? { state: 'pending' },
    );
  }

  #remember(eventId: string, clear: Clear): void {
    if (this.#cache.size >= maxCached) {
      const oldest = this.#cache.keys().next().value;
      if (oldest !== undefined) this.#cache.delete(oldest);
    }
    this.#cache.set(eventId, clear);
  }
}
