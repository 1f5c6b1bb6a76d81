import type { Manifest } from '../manifest.ts';
import { RpcError } from '../rpc/messages.ts';
import type { Media, SealedProfiles, Settings } from './apis.ts';
import { sealedProfiles, type SealedServices } from './sealed-profiles.ts';
import type {
  DeviceInfo,
  HttpAnswer,
  IceServers,
  MemberInfo,
  Relation,
  RoomInfo,
  SecretInfo,
} from './data.ts';
import type { Calls, ClientContext, Homeserver, Self, Texts, UiKit } from './plugin.ts';
import type { ClientCall, ClientCallParams } from './protocol.ts';

/** What a client plugin stands on: the client, the sandbox's port, or a test. */
export interface ClientServices {
  readonly self: Self;
  /** Read again at each use: in the client it is reactive. */
  locale(): string;
  now(): number;
  newId(): string;
  after(milliseconds: number, run: () => void): () => void;
  /** Current values of the manifest's settings; what is missing has its default. */
  settings(): Readonly<Record<string, boolean | number | string>>;
  /** Does what the plugin asks, if it may. Answers have the form that the context's methods declare. */
  call<C extends ClientCall>(call: C, params: ClientCallParams[C]): Promise<unknown>;
  /** The same for sealed profiles; a client without them leaves it out. */
  readonly sealed?: SealedServices;
}

/** The parts of the context that need no lifetime. */
export type ClientApis = Pick<
  ClientContext,
  | 'log'
  | 'storage'
  | 'settings'
  | 'rooms'
  | 'events'
  | 'devices'
  | 'profiles'
  | 'contacts'
  | 'secrets'
  | 'network'
  | 'ui'
>;

type Caller = ClientServices['call'];

const settingsOf = (
  manifest: Manifest,
  { settings, call }: Pick<ClientServices, 'settings' | 'call'>,
): Settings => ({
  get: (name) => {
    const schema = Object.hasOwn(manifest.settings, name) ? manifest.settings[name] : undefined;
    if (schema === undefined) throw new RpcError('invalid', `the manifest has no setting ${name}`);
    return settings()[name] ?? schema.default;
  },
  set: async (name, value) => {
    await call('settings.set', { name, value });
  },
});

/** Methods over `call`. The host's answers are its own: they are not checked again. */
export const clientApis = (
  manifest: Manifest,
  services: Pick<ClientServices, 'settings' | 'call'>,
): ClientApis => {
  const { call } = services;
  const ask = async <T>(method: ClientCall, params: ClientCallParams[ClientCall]): Promise<T> =>
    (await call(method, params)) as T;
  const tell = async (method: ClientCall, params: ClientCallParams[ClientCall]): Promise<void> => {
    await call(method, params);
  };
  const say =
    (level: 'info' | 'warn' | 'error') =>
    (message: string): void => {
      void call('log', { level, message: message.slice(0, 2_000) }).catch(() => undefined);
    };
  return {
    log: { info: say('info'), warn: say('warn'), error: say('error') },
    storage: {
      get: (key) => ask('storage.get', { key }),
      set: (key, value) => tell('storage.set', { key, value }),
      delete: (key) => tell('storage.delete', { key }),
      list: (prefix, after) => ask('storage.list', { prefix, ...(after === undefined ? {} : { after }) }),
      getAccountData: () => ask('account.get', {}),
      setAccountData: (value) => tell('account.set', { value }),
    },
    settings: settingsOf(manifest, services),
    rooms: {
      get: (roomId) => ask<RoomInfo | null>('rooms.get', { roomId }).then((room) => room ?? undefined),
      list: () => ask<readonly RoomInfo[]>('rooms.list', {}),
      members: (roomId) => ask<readonly MemberInfo[]>('rooms.members', { roomId }),
    },
    events: {
      send: (roomId, type, content, { echo = false, encryptedOnly = false } = {}) =>
        ask<string | null>('events.send', { roomId, type, content, echo, encryptedOnly }).then(
          (eventId) => eventId ?? undefined,
        ),
    },
    devices: {
      list: (userId) => ask<readonly DeviceInfo[]>('devices.list', { userId }),
      send: (userId, type, content, deviceIds) =>
        ask('devices.send', {
          userId,
          type,
          content,
          ...(deviceIds === undefined ? {} : { deviceIds: [...deviceIds] }),
        }),
    },
    profiles: {
      get: (userId, key) => ask<unknown>('profiles.get', { userId, key }).then((value) => value ?? undefined),
      set: (key, value) => tell('profiles.set', { key, ...(value === undefined ? {} : { value }) }),
    },
    contacts: {
      relation: (userId) => ask<Relation>('contacts.relation', { userId }),
      list: () => ask<readonly string[]>('contacts.list', {}),
    },
    secrets: {
      create: (name) => ask<SecretInfo>('secrets.create', { name }),
      list: (name) => ask<readonly SecretInfo[]>('secrets.list', { name }),
      seal: (handle, context, data) => ask<Uint8Array>('secrets.seal', { handle, context, data }),
      open: (handle, context, data) => ask<Uint8Array>('secrets.open', { handle, context, data }),
      share: (handle, userIds) => ask('secrets.share', { handle, userIds: [...userIds] }),
      forget: (handle) => tell('secrets.forget', { handle }),
      showCode: (handle, text) => tell('secrets.showCode', { handle, text: { ...text } }),
      scanCode: (name, text) =>
        ask<SecretInfo | null>('secrets.scanCode', { name, text: { ...text } }).then(
          (info) => info ?? undefined,
        ),
    },
    network: {
      request: (url, { method = 'GET', headers = {}, body } = {}) =>
        ask<HttpAnswer>('network.request', {
          url,
          method,
          headers: { ...headers },
          ...(body === undefined ? {} : { body }),
        }),
    },
    ui: {
      toast: (text, tone = 'info') => tell('ui.toast', { text, tone }),
      confirm: ({ title, text, confirm, danger = false }) =>
        ask<boolean>('ui.confirm', { title, text, confirm, danger }),
      notify: (notice) => tell('ui.notify', { ...notice }),
      openPanel: (panelId, roomId) => tell('ui.openPanel', { panelId, roomId }),
      openRoom: (roomId) => tell('ui.openRoom', { roomId }),
      refresh: (contributionId) => tell('ui.refresh', { contributionId }),
    },
  };
};

/** What trusted plugins have besides. */
export const trustedApis = (
  call: Caller,
  kit: UiKit,
  sealed: SealedServices,
): {
  readonly kit: UiKit;
  readonly calls: Calls;
  readonly homeserver: Homeserver;
  readonly media: Media;
  readonly sealedProfiles: SealedProfiles;
} => {
  return {
    kit,
    calls: { iceServers: async () => (await call('calls.iceServers', {})) as IceServers },
    homeserver: {
      request: async (method, path, { query = {}, body } = {}) =>
        (await call('homeserver.request', {
          method,
          path,
          query: { ...query },
          ...(body === undefined ? {} : { body }),
        })) as HttpAnswer,
    },
    media: {
      upload: async (data, contentType) => (await call('media.upload', { data, contentType })) as string,
      download: async (mxc) => (await call('media.download', { mxc })) as Uint8Array,
    },
    sealedProfiles: sealedProfiles(sealed),
  };
};

/** A text of the plugin in a language, or in English, or its key; `{name}` filled in. */
export const fillText = (
  texts: Texts,
  locale: string,
  key: string,
  values: Readonly<Record<string, string | number>> = {},
): string => {
  const own = (language: string): string | undefined => {
    const found = Object.hasOwn(texts, language) ? texts[language] : undefined;
    return found !== undefined && Object.hasOwn(found, key) ? found[key] : undefined;
  };
  const text = own(locale) ?? own(locale.split('-')[0] ?? locale) ?? own('en') ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name: string) =>
    Object.hasOwn(values, name) ? String(values[name]) : whole,
  );
};
