/** Content of an event, as it came: nothing in it has been checked. */
export type Content = Readonly<Record<string, unknown>>;

/** A message as it stands in the timeline, decrypted. */
export type ShownEvent = {
  readonly eventId: string;
  readonly roomId: string;
  readonly sender: string;
  readonly type: string;
  readonly content: Content;
  /** Milliseconds since the epoch, as the sender's server says. */
  readonly timestamp: number;
  readonly isOwn: boolean;
};

/** An event that just arrived. `read-events` delivers those of one sync together, in their order. */
export type ArrivedEvent = ShownEvent & {
  /** It was encrypted end to end, and who wrote it is proven. */
  readonly encrypted: boolean;
  /** The sender's device, proven by its signature; undefined for what was not encrypted. */
  readonly device?: string;
  /** How far the sender's identity was checked; undefined for what was not encrypted. */
  readonly trust?: 'own' | 'pinned' | 'verified';
  /** Undefined for message events. */
  readonly stateKey?: string;
  /** Milliseconds between sending and now, by the server's clock where it says, never negative. */
  readonly age: number;
};

/** An encrypted message from one device to this one. It is delivered once, and not kept. */
export type DeviceMessage = {
  readonly sender: string;
  readonly device: string;
  readonly type: string;
  readonly content: Content;
  readonly trust: 'own' | 'pinned' | 'verified';
};

/** A room as plugins see it. */
export type RoomInfo = {
  readonly roomId: string;
  readonly name: string;
  readonly membership: 'join' | 'invite' | 'leave' | 'ban' | 'knock';
  /** True when what is sent goes out encrypted by this client. */
  readonly encrypted: boolean;
  /** The other person, in a chat of two. */
  readonly directUser?: string;
  readonly joined: number;
};

/** A member of a room. The name is what the server says, before any plugin has resolved it. */
export type MemberInfo = {
  readonly userId: string;
  readonly name: string;
  /** mxc:// address. */
  readonly avatar?: string;
  readonly membership: 'join' | 'invite' | 'leave' | 'ban' | 'knock';
};

/** A device of somebody, as its owner's identity vouches for it. */
export type DeviceInfo = {
  readonly deviceId: string;
  /** Encrypted messages reach it: it is cross-signed, and knows our algorithms. */
  readonly reachable: boolean;
};

/**
 * How we stand to somebody: `contact` when a chat of two is joined by us (also `self` has none of the others), `blocked`
 * when ignored, else `stranger`.
 */
export type Relation = 'self' | 'contact' | 'blocked' | 'stranger';

/** A secret that stays in the crypto worker: plugins hold its handle, and the worker uses it. */
export type SecretInfo = {
  /** Public name of the secret, the same for all who have it; derived from it one way. 22 characters. */
  readonly handle: string;
  /** What the plugin called it; the permission is `secrets:<name>`. */
  readonly name: string;
  /** Who shared it with us; our own user id when this account made it. */
  readonly owner: string;
  /** When this device got it, milliseconds since the epoch. */
  readonly since: number;
  /** Users it was handed to from this device. */
  readonly sharedWith: readonly string[];
};

/** A profile that was sealed, as far as this device can read it. */
export type OpenedProfile =
  | {
      readonly state: 'open';
      /** Public name of the key it is sealed under. */
      readonly version: string;
      readonly name: string;
      readonly bio: string;
      readonly avatar?: { readonly url: string; readonly mimetype: string; readonly size: number };
    }
  /** No key of this version: we are a stranger to its owner, or blocked. */
  | { readonly state: 'locked'; readonly version: string }
  /** The owner's identity is being fetched: ask again. */
  | { readonly state: 'waiting' }
  /** It is not what its owner wrote. */
  | { readonly state: 'refused'; readonly code: string };

/**
 * Somebody met outside a room: `mismatch` when the identity in the code, or in the directory, is not the one this
 * device knows. Then nothing was sent.
 */
export type MetPerson = { readonly userId: string; readonly state: 'known' | 'pinned' | 'mismatch' };

/** What a profile looks like to us; what is left out stays as the server says. */
export type ResolvedProfile = {
  readonly name?: string;
  /** A `blob:` address, made by the plugin; null shows none. */
  readonly avatarUrl?: string | null;
  readonly bio?: string;
};

/** Servers that help two browsers to find each other, as `RTCPeerConnection` takes them. */
export type IceServers = {
  readonly servers: readonly {
    readonly urls: readonly string[];
    readonly username?: string;
    readonly credential?: string;
  }[];
  /** Milliseconds until the credentials end; undefined when there are none. */
  readonly lifetime?: number;
};

/** Answer of a request. */
export type HttpAnswer = {
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Parsed JSON, or undefined when it was none. */
  readonly json?: unknown;
  /** The body as text, at most 512 KiB. */
  readonly text: string;
};

/** Where the person is writing. */
export type Draft = { readonly roomId: string; readonly text: string };
