import { defineStore } from 'pinia';
import { computed, ref, shallowRef } from 'vue';
import { clearSession, loadSession, saveSession } from '../adapters/saved-session.ts';
import type { SavedSession } from '../adapters/saved-session.ts';
import type { EngineClient } from '../crypto/engine/protocol.ts';
import type { IdentityStatus } from '../crypto/engine/protocol/identity.ts';
import type { EngineStatus } from '../crypto/engine/protocol/vault.ts';
import { logout, refresh } from '../matrix/api/session.ts';
import type { AuthChallenge, AuthStep, SessionGrant } from '../matrix/api/session.ts';
import type { Api, HttpPort } from '../matrix/api/http.ts';
import type { SyncState } from '../matrix/sync/loop.ts';
import { dbName } from '../matrix/store/db.ts';
import { engineErrorCode } from '../runtime/engine-error.ts';
import { useServices } from '../runtime/services.ts';
import { createRuntime } from '../runtime/session-runtime.ts';
import type { SessionRuntime } from '../runtime/session-runtime.ts';
import { deleteDB } from 'idb';

/**
 * Where the person is on the way in. `setup`: no vault on this device yet; `words`: the recovery words are not
 * confirmed; `locked`: passphrase needed; `restore`: the account has an identity that this device cannot use yet.
 */
export type Phase = 'boot' | 'signed-out' | 'setup' | 'words' | 'locked' | 'restore' | 'ready';

/** Refresh this long before the token ends. */
const refreshLeadMs = 60_000;
/** How long the first start waits for the server's word on the account's identity. */
const identityWaitMs = 15_000;

export const useSession = defineStore('session', () => {
  const services = useServices();
  const phase = ref<Phase>('boot');
  const session = shallowRef<SavedSession>();
  const runtime = shallowRef<SessionRuntime>();
  const sync = shallowRef<SyncState>({ kind: 'starting' });
  const identity = shallowRef<IdentityStatus>();
  /** A new device that is about to be linked: the next screen shows its code at once. */
  const linkFirst = ref(false);
  const signedOutBy = ref<'server' | undefined>();
  /** Asked when the server wants the password again; set while the dialog is open. */
  const authPrompt = shallowRef<{ challenge: AuthChallenge; done: (step: AuthStep | undefined) => void }>();
  /** Kept in memory from log-in until the identity is set up, so that nobody types it twice. */
  let recentPassword: string | undefined;
  let engine: EngineClient | undefined;
  let refreshing: Promise<void> | undefined;

  const signedIn = computed(() => session.value !== undefined);

  const passwordStep = (challenge: AuthChallenge, password: string): AuthStep => ({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: session.value?.userId ?? '' },
    password,
    ...(challenge.session === undefined ? {} : { session: challenge.session }),
  });

  const authenticate = async (challenge: AuthChallenge): Promise<AuthStep | undefined> => {
    const withSession = challenge.session === undefined ? {} : { session: challenge.session };
    if (challenge.flows.some((flow) => flow.stages.length === 1 && flow.stages[0] === 'm.login.dummy')) {
      return { type: 'm.login.dummy', ...withSession };
    }
    if (recentPassword !== undefined) {
      const password = recentPassword;
      recentPassword = undefined;
      return passwordStep(challenge, password);
    }
    return new Promise((resolve) => {
      authPrompt.value = {
        challenge,
        done: (step) => {
          authPrompt.value = undefined;
          resolve(step);
        },
      };
    });
  };

  /** The token in use; one near its end is renewed first, once for all that wait. */
  const freshToken = async (): Promise<string | undefined> => {
    const current = session.value;
    const due =
      current?.refreshToken !== undefined &&
      current.expiresAt !== undefined &&
      current.expiresAt - refreshLeadMs < services.platform.now();
    if (due) {
      refreshing ??= renew(current).finally(() => {
        refreshing = undefined;
      });
      await refreshing;
    }
    return session.value?.token;
  };

  /** Every request goes through here: a token near its end is renewed first, once for all that wait. */
  const http: HttpPort = {
    send: async (request) => {
      const base = session.value?.base;
      if (base !== undefined && request.url.startsWith(base) && request.headers.authorization !== undefined) {
        request.headers.authorization = `Bearer ${(await freshToken()) ?? ''}`;
      }
      return services.http.send(request);
    },
  };

  const renew = async (current: SavedSession): Promise<void> => {
    const api: Api = { base: current.base, http: services.http, token: () => undefined };
    const answer = await refresh(api, current.refreshToken ?? '');
    if (!answer.ok) return;
    adopt({
      ...current,
      token: answer.value.access_token,
      refreshToken: answer.value.refresh_token ?? current.refreshToken,
      expiresAt:
        answer.value.expires_in_ms === undefined
          ? undefined
          : services.platform.now() + answer.value.expires_in_ms,
    });
  };

  const adopt = (next: SavedSession): void => {
    session.value = next;
    saveSession(next);
  };

  const enter = async (status: EngineStatus): Promise<void> => {
    if (status.vault === 'none') {
      phase.value = 'setup';
    } else if (status.vault === 'locked') {
      phase.value = 'locked';
    } else if (status.wordsPending) {
      phase.value = 'words';
    } else {
      await proceed();
    }
  };

  /** Makes the account's identity unless another device of it made one: then that one is brought here. */
  const makeIdentity = async (current: SessionRuntime): Promise<void> => {
    try {
      await current.engine.call('bootstrapIdentity', {});
    } catch (error) {
      if (engineErrorCode(error) !== 'WRONG_PHASE') throw error;
      if (phase.value === 'ready') phase.value = 'restore';
    }
  };

  /** The vault is open: sync, and see whether this device may speak for the account. */
  const proceed = async (): Promise<void> => {
    const current = runtime.value;
    if (current === undefined) return;
    await current.start();
    let status = await current.engine.call('identityStatus', {});
    if (status.crossSigning === 'none') {
      // Only now is it asked whether the account has an identity: without an answer in time we go on, and it is made later.
      await Promise.race([
        makeIdentity(current),
        current.platform.pause(identityWaitMs, new AbortController().signal),
      ]);
      status = await current.engine.call('identityStatus', {});
    }
    identity.value = status;
    phase.value = status.crossSigning === 'locked' ? 'restore' : 'ready';
  };

  const open = async (saved: SavedSession): Promise<void> => {
    engine ??= services.openEngine();
    const created = await createRuntime(saved, {
      http,
      platform: services.platform,
      engine,
      sockets: services.sockets,
      token: () => session.value?.token,
      freshToken,
      authenticate,
    });
    runtime.value = created;
    created.onSyncState.on((state) => {
      sync.value = state;
      if (state.kind === 'signed-out') void endedByServer(state.soft);
    });
    created.onNotice.on((notice) => {
      if (notice.kind !== 'identityStatus') return;
      identity.value = notice.status;
      // What it was kept for is done: from now on the person is asked.
      if (notice.status.deviceSigned) recentPassword = undefined;
    });
    await enter(await engine.call('status', {}));
  };

  const boot = async (): Promise<void> => {
    const saved = loadSession();
    if (saved === undefined) {
      phase.value = 'signed-out';
      return;
    }
    session.value = saved;
    await open(saved);
  };

  const signIn = async (base: string, grant: SessionGrant, password: string | undefined): Promise<void> => {
    recentPassword = password;
    signedOutBy.value = undefined;
    const saved: SavedSession = {
      base,
      userId: grant.user_id,
      deviceId: grant.device_id,
      token: grant.access_token,
      refreshToken: grant.refresh_token,
      expiresAt:
        grant.expires_in_ms === undefined ? undefined : services.platform.now() + grant.expires_in_ms,
    };
    adopt(saved);
    await open(saved);
  };

  const close = async (): Promise<void> => {
    await runtime.value?.stop();
    runtime.value = undefined;
    sync.value = { kind: 'starting' };
    identity.value = undefined;
  };

  /** Ends the session here and on the server, and erases what this device kept of it. */
  const signOut = async (): Promise<void> => {
    const current = runtime.value;
    const saved = session.value;
    if (current !== undefined) {
      await logout(current.api);
      await current.engine.call('destroyVault', {});
    }
    await close();
    clearSession();
    session.value = undefined;
    phase.value = 'signed-out';
    if (saved !== undefined) await deleteDB(dbName(saved.userId, saved.deviceId));
    await engine?.close();
    engine = undefined;
  };

  /** The server ended the session. A soft log-out keeps the keys: the same device signs in again. */
  const endedByServer = async (soft: boolean): Promise<void> => {
    signedOutBy.value = 'server';
    if (!soft) {
      await signOut();
      return;
    }
    await close();
    phase.value = 'signed-out';
  };

  return {
    phase,
    session,
    runtime,
    sync,
    identity,
    signedIn,
    signedOutBy,
    linkFirst,
    authPrompt,
    passwordStep,
    authenticate,
    boot,
    enter,
    proceed,
    signIn,
    signOut,
    http,
  };
});

/** The runtime of a signed-in page. Components below the gate may rely on it. */
export const useRuntime = (): SessionRuntime => {
  const { runtime } = useSession();
  if (runtime === undefined) throw new Error('no session is open');
  return runtime;
};
