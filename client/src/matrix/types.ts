/** Unknown content, kept as it came. */
export type Content = Readonly<Record<string, unknown>>;

/** A room event as the client-server API gives it (client-server API, "Room event format"). Frozen once stored. */
export type RoomEvent = {
  readonly event_id: string;
  readonly type: string;
  readonly sender: string;
  readonly origin_server_ts: number;
  readonly content: Content;
  readonly state_key?: string;
  readonly unsigned?: Content;
  readonly redacts?: string;
};

/** An event without an id or time: invite state, account data, ephemeral and to-device events. */
export type BareEvent = {
  readonly type: string;
  readonly content: Content;
  readonly sender?: string;
  readonly state_key?: string;
};

export type Membership = 'join' | 'invite' | 'leave' | 'ban' | 'knock';

export type Encryption = 'none' | 'nyx' | 'foreign';

/** What the room list and a room's header need, stored so that start-up works without network. */
export type RoomRecord = {
  roomId: string;
  membership: Membership;
  /** m.room.name, or '' */
  name: string;
  alias: string;
  topic: string;
  avatar: string | undefined;
  /** User ids the server suggests to name an unnamed room by, and their display names. */
  heroes: { userId: string; name: string; avatar: string | undefined }[];
  joined: number;
  invited: number;
  /** Never goes back to 'none': an encrypted room stays so (e2ee.md section 3). */
  encryption: Encryption;
  roomType: string | undefined;
  isPublic: boolean;
  unread: number;
  highlight: number;
  markedUnread: boolean;
  /** Time of the newest message-like event, ms. */
  lastTs: number;
  lastEvent: RoomEvent | undefined;
  tags: Record<string, number | null>;
  /** m.fully_read: the read marker. */
  readMarker: string | undefined;
  inviter: string | undefined;
  /** The other person when this is a direct chat (m.direct). */
  directUser: string | undefined;
  pinned: string[];
  roomVersion: string;
  /** Where the next live event goes: see store/db.ts. */
  segment: number;
  nextIndex: number;
};

export const emptyRoom = (roomId: string): RoomRecord => ({
  roomId,
  membership: 'join',
  name: '',
  alias: '',
  topic: '',
  avatar: undefined,
  heroes: [],
  joined: 0,
  invited: 0,
  encryption: 'none',
  roomType: undefined,
  isPublic: false,
  unread: 0,
  highlight: 0,
  markedUnread: false,
  lastTs: 0,
  lastEvent: undefined,
  tags: {},
  readMarker: undefined,
  inviter: undefined,
  directUser: undefined,
  pinned: [],
  roomVersion: '1',
  segment: 0,
  nextIndex: 0,
});

/** The only group algorithm we write; a room with another one is read-only here. */
export const nyxGroupAlgorithm = 'chat.nyx.epoch.v1';

/** What to call somebody who chose no name: the part before the server. */
export const localpartOf = (userId: string): string =>
  (userId.startsWith('@') ? userId.slice(1).split(':')[0] : '') || userId;
