/** Bounds on what a server can make this client do. */
export const limits = {
  /** Rooms taken from one sync response. */
  syncRooms: 20_000,
  /** Timeline events of one room taken from one sync response. */
  syncTimeline: 2_000,
  /** State events of one room taken from one response. */
  syncState: 100_000,
  toDevice: 1_000,
  /** Rows a timeline window holds (client.md section 3). */
  window: 500,
  page: 60,
  /** Characters of a name or topic that are shown. */
  name: 128,
  topic: 2_000,
  /** Bytes of a message body that are rendered; the rest is behind "show all" in the source view. */
  body: 40_000,
  html: 100_000,
  relations: 1_000,
  receiptsShown: 5,
  pinned: 100,
  outbox: 1_000,
  members: 100_000,
} as const;
