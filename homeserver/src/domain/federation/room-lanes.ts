import type { RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';

/** One worker per room at a time: work is done in the order in which it came, and rooms do not wait for each other. */
export class RoomLanes {
  readonly #tails = new Map<RoomId, Promise<unknown>>();

  /** Runs the work when everything before it in the room's lane has ended. */
  run<T>(room: RoomId, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(room) ?? Promise.resolve();
    const result = before.then(work, work);
    const tail: Promise<void> = result.then(
      () => this.#leave(room, tail),
      () => this.#leave(room, tail),
    );
    this.#tails.set(room, tail);
    return result;
  }

  /** Resolves when what is under way in a room now has ended. */
  async settled(room: RoomId): Promise<void> {
    await this.#tails.get(room);
  }

  /** Resolves when nothing is being worked on. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }

  #leave(room: RoomId, tail: Promise<unknown>): void {
    if (this.#tails.get(room) === tail) this.#tails.delete(room);
  }
}
