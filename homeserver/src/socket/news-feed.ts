import { Bell } from '../domain/sync/bell.ts';
import type { SyncMoments } from '../domain/sync/sync-moments.ts';
import { hasNews } from '../domain/sync/sync-response.ts';
import { parseSyncToken, type SyncPlace } from '../domain/sync/sync-token.ts';
import type { SyncLook, WaitForSync } from '../domain/sync/wait-for-sync.ts';
import { syncBody } from '../http/client/sync/write-sync.ts';
import type { ToDeviceSource } from '../ports/sync-sources.ts';
import type { FrameSender } from './frame-sender.ts';
import { cryptoFrame } from './handlers/crypto.ts';
import { MAX_UNACKNOWLEDGED, MAX_UNSENT } from './limits.ts';

export type NewsFeedDeps = {
  readonly waiter: WaitForSync;
  readonly moments: SyncMoments;
  readonly toDevice: ToDeviceSource;
};

export type NewsFeedOptions = {
  readonly look: SyncLook;
  readonly since: SyncPlace | undefined;
  readonly sender: FrameSender;
  /** Resolves while the token is good; waits for a new one when it has expired. */
  readonly permitted: () => Promise<unknown>;
};

/**
 * The deltas of /sync, sent as they arise. Each follows on from the one before it; a client that does not acknowledge
 * is sent no more, and what happens meanwhile makes one larger delta.
 */
export class NewsFeed {
  readonly #deps: NewsFeedDeps;
  readonly #options: NewsFeedOptions;
  readonly #room = new Bell();
  /** Tokens of deltas on their way, oldest first. */
  readonly #sent: string[] = [];
  /** Up to where the device has proven to have its messages. */
  #proven: number;

  constructor(deps: NewsFeedDeps, options: NewsFeedOptions) {
    this.#deps = deps;
    this.#options = options;
    // As with /sync, the token it begins with proves receipt of what came before.
    this.#proven = options.since?.toDevice ?? 0;
  }

  /** The client has this delta and those before it. A token that is not on its way says nothing. */
  async acknowledge(token: string): Promise<void> {
    const index = this.#sent.indexOf(token);
    if (index < 0) return;
    this.#sent.splice(0, index + 1);
    this.#room.ring();
    const { toDevice } = parseSyncToken(token);
    if (toDevice <= this.#proven) return;
    this.#proven = toDevice;
    const { user, device } = this.#options.look;
    await this.#deps.toDevice.acknowledge({ user, device }, toDevice);
  }

  /** Runs until the signal of `look` aborts, or something fails. */
  async run(): Promise<void> {
    const { moments } = this.#deps;
    const { look } = this.#options;
    const { user, device, signal } = look;
    const bell = new Bell();
    using listening = moments.listen(user, device, () => bell.ring());
    let place = this.#options.since;
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      listening.add(await moments.listenKeys(user));
      await this.#spare();
      await this.#options.permitted();
      bell.reset();
      place = await this.#tell(place, isFirst);
      // Messages to the device came in a full page: there may be more.
      if (place === undefined || place.toDevice >= place.stream) await bell.wait(undefined, signal);
    }
  }

  /** Sends what there is to tell since `place`, and returns the place after it. */
  async #tell(place: SyncPlace | undefined, isFirst: boolean): Promise<SyncPlace | undefined> {
    const { look, sender } = this.#options;
    const asked = isFirst ? look : { ...look, fullState: false };
    const response = await this.#deps.waiter.look(asked, place, this.#proven);
    if (look.signal.aborted) return place;
    if (isFirst || hasNews(response)) {
      const crypto = cryptoFrame(response);
      if (crypto !== undefined) sender.send(crypto);
      this.#sent.push(response.nextBatch);
      sender.send({ type: 'sync', body: syncBody(response, look.filter, false) });
    }
    return parseSyncToken(response.nextBatch);
  }

  /** Waits until there may be another delta on its way. */
  async #spare(): Promise<void> {
    const { look, sender } = this.#options;
    await sender.drained(MAX_UNSENT, look.signal);
    while (this.#sent.length >= MAX_UNACKNOWLEDGED && !look.signal.aborted) {
      this.#room.reset();
      await this.#room.wait(undefined, look.signal);
    }
  }
}
