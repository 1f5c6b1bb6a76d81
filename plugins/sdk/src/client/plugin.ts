import type { Component } from 'vue';
import type {
  Contacts,
  Devices,
  Media,
  Network,
  Profiles,
  SealedProfiles,
  Secrets,
  Settings,
  Storage,
  Ui,
} from './apis.ts';
import type { ClientContributions, TrustedContributions } from './contributions.ts';
import type { Content, HttpAnswer, IceServers, MemberInfo, Relation, RoomInfo, SecretInfo } from './data.ts';

/** Who the session belongs to. */
export type Self = { readonly userId: string; readonly deviceId: string };

/** Sends events; `send` resolves with the event's id once the server has it. */
export interface Events {
  /**
   * Sends an event into a room; encrypted where the room is. Permission `events:send:<type>`. By default without a
   * place in the timeline while it is on its way; with `echo` it is queued and shown like what the person writes,
   * and the answer is undefined. Throws `RpcError` with code `refused`, `network` or `not_encrypted`.
   */
  send(
    roomId: string,
    type: string,
    content: Content,
    options?: {
      readonly echo?: boolean;
      /** Fail rather than send in clear. */ readonly encryptedOnly?: boolean;
    },
  ): Promise<string | undefined>;
}

/** Reads rooms. Permission `rooms:read`. */
export interface Rooms {
  get(roomId: string): Promise<RoomInfo | undefined>;
  list(): Promise<readonly RoomInfo[]>;
  /** All members, asked of the server when they are not known yet; at most 5,000. */
  members(roomId: string): Promise<readonly MemberInfo[]>;
}

/** Things that happen, for `on`. */
export type ClientNotices = {
  /** The person changed a setting of the plugin. */
  readonly settings: { readonly name: string };
  /** Somebody became a contact, a stranger, or was blocked or unblocked. */
  readonly contacts: { readonly userId: string; readonly relation: Relation };
  /** A secret was shared with us. */
  readonly secret: SecretInfo;
  /** Somebody's devices or identity changed; our own too. */
  readonly devices: { readonly userId: string };
  /** A room was joined or left, or what `RoomInfo` says of it changed. */
  readonly room: { readonly roomId: string };
  /** The key of a sealed profile came or changed: open it again. Our own: another device of ours made it. */
  readonly 'profile-key': { readonly userId: string };
  /** Somebody scanned our QR code, and gets our profile now. */
  readonly 'profile-invite': { readonly userId: string };
  /** The language of the interface. */
  readonly locale: { readonly locale: string };
};

export type ClientNotice = keyof ClientNotices;

/** The plugin's log: shown in the inspector, never sent anywhere. */
export interface ClientLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

/** Texts by language, then by key; `{name}` is filled in. English is used where another language lacks a key. */
export type Texts = Readonly<Record<string, Readonly<Record<string, string>>>>;

/** What every client plugin is given. */
export interface ClientContext {
  readonly id: string;
  readonly self: Self;
  /** BCP 47 tag of the interface's language: `en`, `id`. */
  readonly locale: string;
  /** Aborted when the plugin stops. */
  readonly signal: AbortSignal;
  readonly log: ClientLog;
  readonly storage: Storage;
  readonly settings: Settings;
  readonly rooms: Rooms;
  readonly events: Events;
  readonly devices: Devices;
  readonly profiles: Profiles;
  readonly contacts: Contacts;
  readonly secrets: Secrets;
  readonly network: Network;
  readonly ui: Ui;
  /** Milliseconds since the epoch. Use it instead of `Date.now()`, and tests can set the time. */
  now(): number;
  /** An unguessable id. */
  newId(): string;
  /** Runs something later; cancelled when the plugin stops. Answers how to call it off. */
  after(milliseconds: number, run: () => void): () => void;
  /** Gives the plugin's texts, once, in `setup`. */
  texts(texts: Texts): void;
  /** A text in the interface's language; in a component it follows when the language changes. */
  t(key: string, values?: Readonly<Record<string, string | number>>): string;
  /** Hears of something; until the plugin stops, or the answered function is called. */
  on<N extends ClientNotice>(notice: N, take: (input: ClientNotices[N]) => void | Promise<void>): () => void;
  /** Runs when the plugin stops, last registered first. What was registered through the context ends by itself. */
  onDispose(end: () => void | Promise<void>): void;
}

/** What a sandboxed plugin is given. */
export interface SandboxedContext extends ClientContext {
  /** Registers a contribution of the manifest, in `setup`. */
  contribute<P extends keyof ClientContributions>(
    point: P,
    id: string,
    contribution: ClientContributions[P],
  ): void;
}

/** The client's own components, so that plugins look like it. Props as named. */
export type UiKit = {
  /** `variant: primary | soft | ghost | danger`, `wide`, `disabled`; slot. */
  readonly Button: Component;
  /** `label`, `icon` (a component), `active`, `disabled`. */
  readonly IconButton: Component;
  /** `modelValue`, `label`, `hint`, `disabled`; emits `update:modelValue`. */
  readonly Switch: Component;
  /** `modelValue`, `label`, `maxlength`, `type`. */
  readonly TextField: Component;
  /** `open`, `title`, `description`; slots default and `footer`; emits `update:open`. */
  readonly Dialog: Component;
  /** `id`, `name`, `src`, `size`. */
  readonly Avatar: Component;
  /** `tone: good | warn | bad | info`, `icon`; slot. */
  readonly NoticeBar: Component;
  /** `size`. */
  readonly Spinner: Component;
};

/** Calls: what a call provider needs of the client. Permission `media`. */
export interface Calls {
  /** STUN and TURN servers of the homeserver, with fresh credentials. */
  iceServers(): Promise<IceServers>;
}

/** The homeserver's client API. Permission `homeserver:<path prefix>`. */
export interface Homeserver {
  /** A request with this session's access token; `path` begins with `/_matrix/client/` and has no `..`. */
  request(
    method: 'GET' | 'POST' | 'PUT' | 'DELETE',
    path: string,
    options?: { readonly query?: Readonly<Record<string, string>>; readonly body?: unknown },
  ): Promise<HttpAnswer>;
}

/** What a trusted plugin is given besides. */
export interface TrustedContext extends ClientContext {
  readonly kit: UiKit;
  readonly calls: Calls;
  readonly homeserver: Homeserver;
  readonly media: Media;
  readonly sealedProfiles: SealedProfiles;
  /** Registers a contribution of the manifest, in `setup`. */
  contribute<P extends keyof TrustedContributions>(
    point: P,
    id: string,
    contribution: TrustedContributions[P],
  ): void;
}

/** A client plugin of the sandboxed tier: the file named by `entry.client` exports one as `plugin`. */
export interface SandboxedPlugin {
  /** Registers what the plugin does. Called once; a throw makes the plugin fail. */
  setup(context: SandboxedContext): void | Promise<void>;
}

/** A client plugin of the trusted tier. */
export interface TrustedPlugin {
  /** Registers what the plugin does. Called once; a throw makes the plugin fail. */
  setup(context: TrustedContext): void | Promise<void>;
}

/** Gives a sandboxed plugin its type. */
export const defineClientPlugin = (plugin: SandboxedPlugin): SandboxedPlugin => plugin;

/** Gives a trusted plugin its type. */
export const defineTrustedPlugin = (plugin: TrustedPlugin): TrustedPlugin => plugin;
