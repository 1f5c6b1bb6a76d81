import type {
  Content,
  DeviceInfo,
  MetPerson,
  OpenedProfile,
  HttpAnswer,
  Relation,
  SecretInfo,
} from './data.ts';

/** Bounded storage of the plugin's own on this device, encrypted in the vault. Values are JSON. */
export interface Storage {
  /** Null when there is none. */
  get(key: string): Promise<unknown>;
  /** Throws `RpcError` with code `quota` when 5 MiB are used up, `invalid` for what is too large or no JSON. */
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
  /** Keys that begin with `prefix`, in order, those after `after`; at most 100. */
  list(prefix: string, after?: string): Promise<readonly string[]>;
  /**
   * The account's own data, the same on all its devices, **in clear on the server**; at most 32 KiB. Null when there
   * is none.
   */
  getAccountData(): Promise<unknown>;
  setAccountData(value: Content): Promise<void>;
}

/** Settings of the manifest, as the person chose. */
export interface Settings {
  /** The value, or the default of the manifest. Throws for a name that the manifest does not have. */
  get(name: string): boolean | number | string;
  /** Changes it as if the person had. Throws `RpcError` with code `invalid` when the schema does not fit. */
  set(name: string, value: boolean | number | string): Promise<void>;
}

/** Encrypted messages from device to device. Permission `devices:message:<type>`. */
export interface Devices {
  /** Devices of a user that are known; our own without this one. */
  list(userId: string): Promise<readonly DeviceInfo[]>;
  /**
   * Sends to devices of a user, all that can be reached unless named; resolves when the ciphertext is stored and on its
   * way. `reached` lists those it goes to: a device that is not vouched for gets nothing.
   * Of two that are sent at once either may arrive first.
   */
  send(
    userId: string,
    type: string,
    content: Content,
    deviceIds?: readonly string[],
  ): Promise<{ readonly reached: readonly string[] }>;
}

/** Fields of profiles on the server, in clear. Permissions `profile:read:<key>` and `profile:write:<key>`. */
export interface Profiles {
  /** Undefined when there is none, or nobody may see it. Throws `RpcError` with code `network`. */
  get(userId: string, key: string): Promise<unknown>;
  /** Sets a field of our own; undefined removes it. */
  set(key: string, value: unknown): Promise<void>;
}

/** Whom we know. Permission `contacts:read`. */
export interface Contacts {
  relation(userId: string): Promise<Relation>;
  /** User ids of contacts. */
  list(): Promise<readonly string[]>;
}

/**
 * Secrets that nobody but the crypto worker sees. Permission `secrets:<name>`. There is no call that answers with a
 * key: what a handle stands for can only be used.
 */
export interface Secrets {
  /** Makes a random secret. */
  create(name: string): Promise<SecretInfo>;
  /** Secrets under this name, our own and those that were shared with us, newest first. */
  list(name: string): Promise<readonly SecretInfo[]>;
  /**
   * Encrypts bytes, at most 16 MiB, padded to a coarse size; `context` must be the same when it is opened.
   */
  seal(handle: string, context: string, data: Uint8Array): Promise<Uint8Array>;
  /** Throws `RpcError` with code `forbidden` for a handle that we do not have, or `damaged` for what was not sealed so. */
  open(handle: string, context: string, data: Uint8Array): Promise<Uint8Array>;
  /**
   * Hands a secret to all devices of users that can be reached, encrypted from device to device; to our own other
   * devices with our own user id. Answers the users with at least one device that gets it.
   */
  share(handle: string, userIds: readonly string[]): Promise<{ readonly reached: readonly string[] }>;
  /** Forgets a secret on this device. */
  forget(handle: string): Promise<void>;
  /**
   * Shows a QR code that carries a secret, our user id and our identity, until the person closes it. Resolves then.
   */
  showCode(handle: string, text: { readonly title: string; readonly description?: string }): Promise<void>;
  /**
   * Lets the person scan such a code. Undefined when it is cancelled. The secret is kept as shared by that user, whose
   * identity is compared with the one pinned: throws `RpcError` with code `identity_changed` when they differ.
   */
  scanCode(
    name: string,
    text: { readonly title: string; readonly description?: string },
  ): Promise<SecretInfo | undefined>;
}

/**
 * Profiles that only contacts read: sealed under a key that goes to them from device to device and never leaves the
 * crypto worker otherwise, and signed by their owner. Permission `secrets:profile`, trusted plugins only.
 */
export interface SealedProfiles {
  /** The version of our key, if there is one, and who gets it. */
  status(): Promise<{ readonly version?: string; readonly contacts: readonly string[] }>;
  /**
   * Our profile as the value of a profile field. `handle` of a new picture is what `sealPicture` answered, of the
   * present one its url. Throws `RpcError` with code `invalid` for what is too long, `not_ready` without an identity.
   */
  seal(profile: {
    readonly name: string;
    readonly bio: string;
    readonly avatar?: { readonly handle: string; readonly url: string };
  }): Promise<unknown>;
  open(userId: string, field: unknown): Promise<OpenedProfile>;
  /** From now on these get our key, and each that replaces it. */
  share(userIds: readonly string[]): Promise<void>;
  /** A new key for all contacts but these; seal and publish again. */
  rotate(without: readonly string[]): Promise<void>;
  /** Our key for the account's own data, sealed for our other devices; null where that cannot be done. */
  backup(): Promise<unknown>;
  restore(stored: unknown): Promise<void>;
  /** Forgets every key, contact and profile on this device. */
  forget(): Promise<void>;
  /** Encrypts a picture of ours, at most 1 MiB. */
  sealPicture(
    data: Uint8Array,
    mimetype: string,
  ): Promise<{ readonly data: Uint8Array; readonly handle: string }>;
  /** Decrypts the picture of a profile that `open` opened. Throws `RpcError` with code `damaged`. */
  openPicture(
    userId: string,
    url: string,
    data: Uint8Array,
  ): Promise<{ readonly data: Uint8Array; readonly mimetype: string }>;
  /** Shows our QR code until the person closes it: good for ten minutes and one scan, which makes a contact. */
  showCode(text: { readonly title: string; readonly description?: string }): Promise<void>;
  /** Lets the person scan such a code. Undefined when it is cancelled. */
  scanCode(text: { readonly title: string; readonly description?: string }): Promise<MetPerson | undefined>;
  /** Looks somebody up by exact user id; no server learns whom we look for. Undefined for who is not listed. */
  find(userId: string): Promise<MetPerson | undefined>;
  /** Whether we may be found so; false takes it back. Throws `not_found` where the homeserver has no such directory. */
  list(listed: boolean): Promise<void>;
  /** Opens the page of somebody, from which a conversation begins. */
  openPerson(userId: string): Promise<void>;
}

/** Requests to the domains that the manifest names, by the client: without cookies, tokens or referrer. */
export interface Network {
  /** At most 64 KiB there and 512 KiB back, within 10 s, https only; redirects are refused. */
  request(
    url: string,
    options?: {
      readonly method?: 'GET' | 'POST';
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    },
  ): Promise<HttpAnswer>;
}

/** Bytes in the homeserver's media repository. Permission `media:files`, trusted plugins only. */
export interface Media {
  /** Answers the mxc:// address. Encrypt first what is nobody's business. */
  upload(data: Uint8Array, contentType: string): Promise<string>;
  /** At most 16 MiB. Throws `RpcError` with code `not_found` or `network`. */
  download(mxc: string): Promise<Uint8Array>;
}

/** Small things in the interface. */
export interface Ui {
  /** A note that goes by itself, marked with the plugin's name. */
  toast(text: string, tone?: 'info' | 'good' | 'bad'): Promise<void>;
  /** Asks the person; false when they say no or close it. */
  confirm(question: {
    readonly title: string;
    readonly text: string;
    readonly confirm: string;
    readonly danger?: boolean;
  }): Promise<boolean>;
  /** A notification of the system, where the person allowed them and the page is not in front. */
  notify(notice: { readonly title: string; readonly body: string; readonly roomId?: string }): Promise<void>;
  /** Opens a side panel of this plugin in a room. */
  openPanel(panelId: string, roomId: string): Promise<void>;
  openRoom(roomId: string): Promise<void>;
  /** Asks the blocks of a contribution anew. */
  refresh(contributionId: string): Promise<void>;
}
