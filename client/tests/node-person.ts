/** Somebody without a browser: an engine, a session at a real homeserver, and the plugin of private profiles over both. */
import { admitSealed } from '@nyx/plugin-sdk/client/sealed-calls.ts';
import { manifestSchema } from '@nyx/plugin-sdk/manifest.ts';
import { ClientRuntime } from '@nyx/plugin-sdk/client/runtime.ts';
import type { TrustedContext, UiKit } from '@nyx/plugin-sdk/client/plugin.ts';
import type { Relation } from '@nyx/plugin-sdk/client/data.ts';
import { privateProfiles } from '@nyx/private-profiles/plugin.ts';
import { EngineHost } from '../src/crypto/engine/engine-host.ts';
import { systemRandom } from '../src/crypto/primitives/random.ts';
import { MemoryStore } from '../src/crypto/testing/memory-store.ts';
import { TEST_COST } from '../src/crypto/testing/sim-client.ts';
import type { Api, HttpPort } from '../src/matrix/api/http.ts';
import { answerSealed, type SealedPage } from '../src/plugins/sealed-profiles.ts';
import { EngineRequests } from '../src/runtime/engine-requests.ts';
import { webCryptoDeviceKeys } from '../src/vault/webcrypto-device-key.ts';
import manifestJson from '../../plugins/private-profiles/plugin.json' with { type: 'json' };

type Json = Record<string, unknown>;
const PASSWORD = 'a password for tests';
const manifest = manifestSchema.parse(manifestJson);

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Fetches; again when no answer came. A connection that was kept open may be closed by the server in the very moment in
 * which it is used, and on a busy machine that happens. Everything asked for here may be asked twice.
 */
const fetchAgain = async (url: string, init: RequestInit, left = 5): Promise<Response> => {
  try {
    return await fetch(url, init);
  } catch (error) {
    if (left === 0) throw error;
    await pause(200);
    return fetchAgain(url, init, left - 1);
  }
};

const http: HttpPort = {
  send: async ({ method, url, headers, body }) => {
    const answer = await fetchAgain(url, { method, headers, ...(body === undefined ? {} : { body }) });
    return {
      status: answer.status,
      header: (name) => answer.headers.get(name) ?? undefined,
      body: await answer.blob(),
    };
  },
};

const nothing = { render: () => null };
const KIT: UiKit = {
  ...{ Button: nothing, IconButton: nothing, Switch: nothing, TextField: nothing },
  ...{ Dialog: nothing, Avatar: nothing, NoticeBar: nothing, Spinner: nothing },
};

export class NodePerson implements AsyncDisposable {
  readonly userId: string;
  readonly engine: EngineHost;
  readonly errors: unknown[] = [];
  readonly settings: Record<string, boolean | number | string> = {};
  /** Relations as this person sees them; a stranger where nothing is said. */
  readonly relations = new Map<string, Relation>();
  /** The code that is shown, and the one that is scanned next. */
  shown: Uint8Array | undefined;
  scanned: Uint8Array | undefined;
  readonly #api: Api;
  readonly #requests: EngineRequests;
  readonly #ending = new AbortController();
  /** What the plugin was given: for what a person does in its settings. */
  context: TrustedContext | undefined;
  #runtime: ClientRuntime | undefined;
  #syncing: Promise<void> = Promise.resolve();
  #next = 1;

  private constructor(api: Api, userId: string) {
    this.userId = userId;
    this.#api = api;
    this.engine = new EngineHost({
      ...{ openStore: () => Promise.resolve(new MemoryStore()), random: systemRandom, cost: TEST_COST },
      deviceKeys: webCryptoDeviceKeys(crypto.subtle, systemRandom),
      now: Date.now,
      after: (ms, run) => {
        const timer = setTimeout(run, ms);
        return () => clearTimeout(timer);
      },
      yieldNow: () => new Promise((resolve) => setImmediate(resolve)),
    });
    this.#requests = new EngineRequests({
      api,
      engine: this.engine,
      authenticate: ({ session = '' }) =>
        Promise.resolve({
          ...{ type: 'm.login.password', password: PASSWORD, session },
          identifier: { type: 'm.id.user', user: userId },
        }),
      pause: (ms) => pause(ms),
      report: (error) => void this.errors.push(error),
    });
    this.engine.onNotice((notice) => {
      if (notice.kind === 'requests') this.#requests.perform(notice.requests);
      if (notice.kind === 'profileKey') void this.#runtime?.notify('profile-key', { userId: notice.userId });
      if (notice.kind === 'profileInvite')
        void this.#runtime?.notify('profile-invite', { userId: notice.userId });
    });
  }

  static async register(base: string, name: string): Promise<NodePerson> {
    const register = async (auth?: Json): Promise<Json> => {
      const body = JSON.stringify({
        username: name,
        password: PASSWORD,
        ...(auth === undefined ? {} : { auth }),
      });
      return (await (
        await fetch(`${base}/_matrix/client/v3/register`, { method: 'POST', body })
      ).json()) as Json;
    };
    const { session } = await register();
    const granted = await register({ type: 'm.login.dummy', session });
    const token = String(granted.access_token);
    const person = new NodePerson({ base, http, token: () => token }, String(granted.user_id));
    const deviceId = String(granted.device_id);
    await person.engine.call('createVault', { userId: person.userId, deviceId, passphrase: PASSWORD });
    person.#syncing = person.#sync();
    await person.engine.call('bootstrapIdentity', {});
    return person;
  }

  /** A request as this person; throws on anything but success. */
  async request(method: 'GET' | 'PUT' | 'POST' | 'DELETE', path: string, body?: unknown): Promise<Json> {
    const answer = await this.#raw(method, path, body);
    if (answer.status !== 200) throw new Error(`${method} ${path}: ${answer.status}`);
    return answer.json;
  }

  /** Switches the plugin on. */
  async start(settings: Readonly<Record<string, boolean>>): Promise<void> {
    Object.assign(this.settings, settings);
    const shipped = privateProfiles({
      make: (data) => `blob:${new TextDecoder().decode(data)}`,
      free: () => undefined,
    });
    const plugin = {
      setup: (context: TrustedContext) => {
        this.context = context;
        return shipped.setup(context);
      },
    };
    const granted = new Set(manifest.permissions);
    const page: SealedPage = {
      openUser: () => Promise.resolve(),
      showCode: (_text, payload) => {
        this.shown = payload;
        return Promise.resolve();
      },
      scanCode: () => Promise.resolve(this.scanned),
    };
    const session = { userId: this.userId, deviceId: '' } as Parameters<typeof answerSealed>[0]['session'];
    this.#runtime = await ClientRuntime.startTrusted(plugin, KIT, {
      manifest,
      onError: (error) => void this.errors.push(error),
      services: {
        self: { userId: this.userId, deviceId: '' },
        locale: () => 'en',
        now: Date.now,
        newId: () => `id${this.#next++}`,
        after: () => () => undefined,
        settings: () => this.settings,
        call: (call, params) => this.#call(call, params),
        sealed: (call, params) =>
          answerSealed(
            { engine: this.engine, api: this.#api, session },
            page,
            admitSealed({ manifest, granted }, call, params),
          ),
      },
    });
  }

  /** How somebody looks to this person. */
  see(userId: string): unknown {
    for (const { contribution } of this.#runtime?.contributions ?? [])
      if ('resolveProfile' in contribution) return contribution.resolveProfile(userId);
    return undefined;
  }

  /** Somebody became a contact, or was blocked. */
  async relate(userId: string, relation: Relation): Promise<void> {
    this.relations.set(userId, relation);
    await this.#runtime?.notify('contacts', { userId, relation });
  }

  /** Switches the plugin off. */
  async stop(): Promise<void> {
    await this.#runtime?.dispose();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    this.#ending.abort();
    this.#requests.stop();
    await this.#syncing;
    await this.engine.close();
  }

  async #raw(method: string, path: string, body?: unknown): Promise<{ status: number; json: Json }> {
    const answer = await fetchAgain(`${this.#api.base}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#api.token() ?? ''}` },
      ...(body === undefined
        ? {}
        : { body: body instanceof Uint8Array ? new Blob([new Uint8Array(body)]) : JSON.stringify(body) }),
    });
    return { status: answer.status, json: (await answer.json()) as Json };
  }

  /** What the plugin asks of the page. */
  async #call(call: string, params: Json): Promise<unknown> {
    const field = `/_matrix/client/v3/profile/${encodeURIComponent(typeof params.userId === 'string' ? params.userId : this.userId)}/${String(params.key)}`;
    const data = `/_matrix/client/v3/user/${encodeURIComponent(this.userId)}/account_data/${manifest.id}`;
    switch (call) {
      case 'profiles.get':
        return (await this.#raw('GET', field)).json[String(params.key)] ?? null;
      case 'profiles.set':
        return params.value === undefined
          ? this.request('DELETE', field)
          : this.request('PUT', field, { [String(params.key)]: params.value });
      case 'contacts.list':
        return [...this.relations].filter(([, relation]) => relation === 'contact').map(([userId]) => userId);
      case 'account.get': {
        const { status, json } = await this.#raw('GET', data);
        return status === 200 ? json : null;
      }
      case 'account.set':
        return this.request('PUT', data, params.value);
      case 'media.upload':
        return (await this.request('POST', '/_matrix/media/v3/upload', params.data)).content_uri;
      case 'media.download': {
        const path = `/_matrix/client/v1/media/download/${String(params.mxc).slice('mxc://'.length)}`;
        const headers = { authorization: `Bearer ${this.#api.token() ?? ''}` };
        const answer = await fetchAgain(`${this.#api.base}${path}`, { headers });
        if (!answer.ok) throw new Error(`download: ${answer.status}`);
        return new Uint8Array(await answer.arrayBuffer());
      }
      default:
        return null;
    }
  }

  async #sync(): Promise<void> {
    let since = '';
    while (!this.#ending.signal.aborted) {
      try {
        const sync = await this.request('GET', `/_matrix/client/v3/sync?timeout=500${since}`);
        const { events = [] } = (sync.to_device ?? {}) as { events?: unknown[] };
        const nextBatch = String(sync.next_batch);
        await this.engine.call('processSync', {
          ...{ nextBatch, toDevice: events },
          deviceLists: sync.device_lists as { changed?: string[]; left?: string[] },
          oneTimeKeysCount: sync.device_one_time_keys_count as Record<string, number>,
          unusedFallbackKeyTypes: sync.device_unused_fallback_key_types as string[],
        });
        since = `&since=${nextBatch}`;
      } catch (error) {
        this.errors.push(error);
        return;
      }
    }
  }
}
