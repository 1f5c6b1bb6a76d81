import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { EngineNotice } from '../crypto/engine/protocol/notices.ts';
import type { Platform } from '../adapters/platform.ts';
import type { SavedSession } from '../adapters/saved-session.ts';
import type { Api, HttpPort } from '../matrix/api/http.ts';
import { sync, syncFilter } from '../matrix/api/sync.ts';
import type { SyncResponse } from '../matrix/api/sync.ts';
import type { AuthChallenge, AuthStep } from '../matrix/api/session.ts';
import { SendQueue } from '../matrix/send-queue/queue.ts';
import type { OutboxChange } from '../matrix/send-queue/queue.ts';
import { SyncTransport } from '../matrix/sync/transport.ts';
import type { KeyStock, SocketPort } from '../matrix/sync/socket.ts';
import { serverVersions } from '../matrix/api/session.ts';
import { dbName, openDatabase } from '../matrix/store/db.ts';
import type { NyxDb } from '../matrix/store/db.ts';
import { applySync } from '../matrix/sync/apply.ts';
import type { SyncChanges } from '../matrix/sync/apply.ts';
import { runSyncLoop } from '../matrix/sync/loop.ts';
import type { SyncState } from '../matrix/sync/loop.ts';
import { stringOf } from '../matrix/events.ts';
import { deliverEntry } from './deliver.ts';
import { Emitter } from './emitter.ts';
import { EngineDecryptor } from './engine-decryptor.ts';
import { EngineRequests } from './engine-requests.ts';
import { engineSync } from './engine-sync.ts';
import { sealLeftovers } from './seal-leftovers.ts';
import { sealedOutbox } from './sealed-store.ts';
import { AvatarUrls } from './media-urls.ts';

export type RuntimePorts = {
  http: HttpPort;
  platform: Platform;
  engine: EngineClient;
  sockets: SocketPort;
  /** The token in use, which a refresh changes. */
  token: () => string | undefined;
  /** The same, renewed first when it is about to end. */
  freshToken: () => Promise<string | undefined>;
  authenticate: (challenge: AuthChallenge) => Promise<AuthStep | undefined>;
};

/** Everything that lives as long as one signed-in session. */
export type SessionRuntime = {
  readonly session: SavedSession;
  readonly api: Api;
  readonly db: NyxDb;
  readonly engine: EngineClient;
  readonly queue: SendQueue;
  readonly decryptor: EngineDecryptor;
  readonly avatars: AvatarUrls;
  readonly platform: Platform;
  readonly onSync: Emitter<SyncChanges>;
  readonly onSyncState: Emitter<SyncState>;
  readonly onOutbox: Emitter<OutboxChange>;
  readonly onNotice: Emitter<EngineNotice>;
  /** Begins syncing and sending; the vault must be open. */
  start: () => Promise<void>;
  stop: () => Promise<void>;
};

const socketFeature = 'chat.nyx.socket';
const socketPath = '/_matrix/client/unstable/chat.nyx.socket';

/** Opens the account's store and wires its parts. Nothing talks to the network before `start`. */
export const createRuntime = async (session: SavedSession, ports: RuntimePorts): Promise<SessionRuntime> => {
  const { platform, engine } = ports;
  const db = await openDatabase(dbName(session.userId, session.deviceId));
  const api: Api = { base: session.base, http: ports.http, token: ports.token };
  const onSync = new Emitter<SyncChanges>(platform.report);
  const onSyncState = new Emitter<SyncState>(platform.report);
  const onOutbox = new Emitter<OutboxChange>(platform.report);
  const onNotice = new Emitter<EngineNotice>(platform.report);
  const requests = new EngineRequests({
    api,
    engine,
    authenticate: ports.authenticate,
    pause: platform.pause,
    report: platform.report,
  });
  const queue = new SendQueue({
    store: sealedOutbox(engine),
    deliver: (entry) => deliverEntry({ api, db, engine }, entry),
    onChange: (change) => onOutbox.emit(change),
    now: platform.now,
    newTxnId: platform.newId,
    pause: platform.pause,
  });
  const transport = new SyncTransport({
    poll: (since, waitMs, signal) =>
      sync(api, { since, timeoutMs: waitMs, filter: JSON.stringify(syncFilter) }, signal),
    hasSocket: async () => {
      const versions = await serverVersions(api);
      return versions.ok ? versions.value.unstable_features[socketFeature] === true : undefined;
    },
    socket: {
      sockets: ports.sockets,
      url: `${session.base.replace(/^http/, 'ws')}${socketPath}`,
      freshToken: ports.freshToken,
      filter: syncFilter,
      onKeyStock: (stock) => void takeKeyStock(stock).catch(platform.report),
      after: platform.after,
      random: platform.random,
    },
    now: platform.now,
  });
  /** The engine makes new keys at once, and asks for their upload, when they have become few. */
  const takeKeyStock = (stock: KeyStock): Promise<unknown> =>
    engine.call('processSync', {
      nextBatch: '',
      oneTimeKeysCount: stock.device_one_time_keys_count,
      ...(stock.device_unused_fallback_key_types === undefined
        ? {}
        : { unusedFallbackKeyTypes: stock.device_unused_fallback_key_types }),
    });
  const stopNetwork = platform.onNetwork((change) => {
    if (change === 'back') transport.wake();
    else transport.drop();
  });
  const abort = new AbortController();
  let loop: Promise<void> | undefined;

  const stopNotices = engine.onNotice((notice) => {
    if (notice.kind === 'requests') requests.perform(notice.requests);
    const opens =
      notice.kind === 'identityStatus' || (notice.kind === 'status' && notice.status.vault === 'open');
    // What waited for this device's identity, or for the vault, may go now.
    if (opens && loop !== undefined) queue.resume().catch(platform.report);
    onNotice.emit(notice);
  });

  /** The engine commits first, then the store: a crash between the two repeats a response that both have seen. */
  const take = async (response: SyncResponse): Promise<void> => {
    await engine.call('processSync', engineSync(response));
    const changes = await applySync({ db, userId: session.userId, now: platform.now }, response);
    for (const failed of changes.failedRooms)
      platform.report(new Error(`sync of ${failed.roomId}: ${failed.reason}`));
    onSync.emit(changes);
  };

  const start = async (): Promise<void> => {
    if (loop !== undefined) return;
    await sealLeftovers(db, engine).catch(platform.report);
    const { requests: pending } = await engine.call('pendingRequests', {});
    requests.perform(pending);
    loop = runSyncLoop(
      {
        fetch: transport.fetch,
        take,
        loadToken: async () => stringOf(await db.get('meta', 'since')),
        onState: (state) => {
          if (state.kind === 'live') void queue.resume();
          onSyncState.emit(state);
        },
        now: platform.now,
        pause: platform.pause,
        random: platform.random,
        onFault: platform.report,
      },
      abort.signal,
    );
    await queue.resume();
  };

  const stop = async (): Promise<void> => {
    abort.abort();
    queue.stop();
    requests.stop();
    stopNotices();
    stopNetwork();
    await loop;
    db.close();
  };

  return {
    session,
    api,
    db,
    engine,
    queue,
    decryptor: new EngineDecryptor(engine, platform.report),
    avatars: new AvatarUrls(api),
    platform,
    onSync,
    onSyncState,
    onOutbox,
    onNotice,
    start,
    stop,
  };
};
