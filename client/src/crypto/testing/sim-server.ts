/**
 * A homeserver for tests, in memory: keys, to-device, rooms and sync as engines see them, for any number of servers at
 * once (users on different servers differ in their ids; what federation would carry is carried at once). It can be
 * told to lie and to lose.
 */
import type { MatrixEvent } from '../engine/events.ts';
import type { OutgoingRequest } from '../engine/protocol/sync.ts';

type Json = Record<string, unknown>;
type Device = {
  keys: Json | undefined;
  oneTime: Map<string, unknown>;
  fallback: Map<string, unknown>;
  inbox: Json[];
  changed: Set<string>;
  left: Set<string>;
  /** Position in each room's timeline up to which this device has synced. */
  positions: Map<string, number>;
  /** Puts back what the last sync took. */
  takeBack: () => void;
};
type User = {
  devices: Map<string, Device>;
  master?: Json;
  selfSigning?: Json;
  userSigning?: Json;
  data: Map<string, Json>;
  backup?: { version: string; info: Json; rooms: Record<string, { sessions: Json }> };
};
type Room = { timeline: MatrixEvent[]; state: Map<string, MatrixEvent>; departures: (string | undefined)[] };

export type SimSync = {
  nextBatch: string;
  toDevice: Json[];
  deviceLists: { changed: string[]; left: string[] };
  oneTimeKeysCount: Record<string, number>;
  unusedFallbackKeyTypes: string[];
  accountData: MatrixEvent[];
  rooms: Record<string, { membership: 'join' | 'leave' | 'invite'; timeline: MatrixEvent[] }>;
};

export class SimError extends Error {
  readonly status: number;
  readonly errcode: string;
  readonly body: Json;
  constructor(status: number, errcode: string, body: Json = {}) {
    super(errcode);
    this.status = status;
    this.errcode = errcode;
    this.body = body;
  }
}

/** What a hostile or lossy server changes. */
export type Tricks = {
  /** Rewrites any answer before it is given. */
  answer?: (request: OutgoingRequest, answer: unknown, user: string) => unknown;
  /** Rewrites a to-device event in flight; undefined drops it. */
  toDevice?: (event: Json, user: string, device: string) => Json | undefined;
  /** Events hidden from a user's sync. */
  hide?: (event: MatrixEvent, user: string) => boolean;
  /** Without the combined claim, like any other Matrix server. */
  standardOnly?: boolean;
  /** Without support for fallback keys. */
  noFallback?: boolean;
};

export class SimServer {
  readonly users = new Map<string, User>();
  readonly rooms = new Map<string, Room>();
  readonly claimed: string[] = [];
  readonly tricks: Tricks = {};
  #ids = 0;
  readonly #transactions = new Set<string>();
  /** False: requests are not kept for searching. */
  records = true;
  /** Every request body seen, for searching. */
  readonly seen: { user: string; request: OutgoingRequest }[] = [];

  addDevice(userId: string, deviceId: string): void {
    const user = this.users.get(userId) ?? { devices: new Map(), data: new Map() };
    user.devices.set(deviceId, {
      ...{ keys: undefined, oneTime: new Map(), fallback: new Map(), inbox: [] },
      ...{ changed: new Set<string>(), left: new Set<string>(), positions: new Map<string, number>() },
      takeBack: () => undefined,
    });
    this.users.set(userId, user);
  }

  removeDevice(userId: string, deviceId: string): void {
    this.users.get(userId)?.devices.delete(deviceId);
    this.noteChanged(userId);
  }

  createRoom(roomId: string, creator: string, joinRule = 'invite', encrypted = true): void {
    this.rooms.set(roomId, { timeline: [], state: new Map(), departures: [] });
    this.state(roomId, creator, 'm.room.create', '', {});
    this.member(roomId, creator, creator, { membership: 'join' });
    this.state(roomId, creator, 'm.room.join_rules', '', { join_rule: joinRule });
    if (encrypted) this.state(roomId, creator, 'm.room.encryption', '', { algorithm: 'chat.nyx.epoch.v1' });
  }

  member(roomId: string, sender: string, target: string, content: Json): string {
    const id = this.state(roomId, sender, 'm.room.member', target, content);
    for (const userId of this.joined(roomId)) this.noteChanged(userId);
    if (content.membership === 'leave')
      for (const other of this.joined(roomId))
        for (const device of this.users.get(other)?.devices.values() ?? []) device.left.add(target);
    return id;
  }

  joined(roomId: string): string[] {
    const state = this.rooms.get(roomId)?.state ?? new Map<string, MatrixEvent>();
    return [...state.values()]
      .filter((e) => e.type === 'm.room.member' && e.content.membership === 'join')
      .map((e) => e.state_key ?? '');
  }

  state(roomId: string, sender: string, type: string, key: string, content: Json): string {
    const event = this.#event(roomId, sender, type, content);
    event.state_key = key;
    this.#room(roomId).state.set(`${type}|${key}`, event);
    this.#room(roomId).timeline.push(event);
    return event.event_id ?? '';
  }

  /** A message; refused like our server does when its epoch is older than a departure. */
  send(roomId: string, sender: string, content: Json): MatrixEvent {
    if (!this.joined(roomId).includes(sender)) throw new SimError(403, 'M_FORBIDDEN');
    const { departures } = this.#room(roomId);
    const newest = departures.at(-1);
    const rank = departures.indexOf((content.after as string | null) ?? undefined);
    if (content.algorithm === 'chat.nyx.epoch.v1' && rank < departures.length - 1)
      throw new SimError(403, 'CHAT.NYX.STALE_EPOCH', { departure: newest });
    const event = this.#event(roomId, sender, 'm.room.encrypted', content);
    this.#room(roomId).timeline.push(event);
    return event;
  }

  /** Ends a membership. */
  leave(roomId: string, sender: string, target: string, membership = 'leave'): string {
    const id = this.member(roomId, sender, target, { membership });
    const event = this.#room(roomId).timeline.at(-1);
    if (event !== undefined) event.unsigned = { departure: true };
    this.#room(roomId).departures.push(event?.event_id);
    for (const device of this.users.get(target)?.devices.values() ?? [])
      for (const other of this.joined(roomId)) device.left.add(other);
    return id;
  }

  sync(userId: string, deviceId: string): SimSync {
    const device = this.device(userId, deviceId);
    const toDevice = device.inbox.splice(0, 100);
    const changed = [...device.changed];
    const left = [...device.left];
    const positions = new Map(device.positions);
    device.takeBack = () => {
      device.inbox.unshift(...toDevice);
      for (const userId of changed) device.changed.add(userId);
      for (const userId of left) device.left.add(userId);
      device.positions = positions;
    };
    device.changed.clear();
    device.left.clear();
    const rooms: SimSync['rooms'] = {};
    for (const [roomId, room] of this.rooms) {
      const own = room.state.get(`m.room.member|${userId}`);
      const membership = own?.content.membership;
      if (
        own === undefined ||
        (membership !== 'join' && membership !== 'invite' && !device.positions.has(roomId))
      )
        continue;
      const from = device.positions.get(roomId) ?? 0;
      const upTo =
        membership === 'join' || membership === 'invite'
          ? room.timeline.length
          : room.timeline.indexOf(own) + 1;
      const timeline = room.timeline.slice(from, upTo).filter((e) => this.tricks.hide?.(e, userId) !== true);
      if (timeline.length === 0) continue;
      device.positions.set(roomId, Math.max(from, upTo));
      rooms[roomId] = {
        membership: membership === 'join' || membership === 'invite' ? membership : 'leave',
        timeline,
      };
    }
    return {
      ...{ nextBatch: `s${this.#ids}`, toDevice, deviceLists: { changed, left }, accountData: [], rooms },
      oneTimeKeysCount: this.#counts(device),
      unusedFallbackKeyTypes: [...device.fallback.keys()].map((id) => id.slice(0, id.indexOf(':'))),
    };
  }

  /** The last answer was never stored: the device syncs from its old token, and gets the same again. */
  syncLost(userId: string, deviceId: string): void {
    const device = this.device(userId, deviceId);
    device.takeBack();
    device.takeBack = () => undefined;
  }

  hasNews(userId: string, deviceId: string): boolean {
    const device = this.device(userId, deviceId);
    if (device.inbox.length + device.changed.size + device.left.size > 0) return true;
    return [...this.rooms].some(([roomId, room]) => {
      const own = room.state.get(`m.room.member|${userId}`);
      return own?.content.membership === 'join' && (device.positions.get(roomId) ?? 0) < room.timeline.length;
    });
  }

  /** Performs a request of an engine. Throws SimError where a server would answer an error. */
  perform(userId: string, deviceId: string, request: OutgoingRequest): unknown {
    if (this.records) this.seen.push({ user: userId, request: structuredClone(request) });
    const answer = this.#perform(userId, deviceId, request);
    const plain: unknown = JSON.parse(JSON.stringify(answer ?? {}));
    return this.tricks.answer === undefined ? plain : this.tricks.answer(request, plain, userId);
  }

  device(userId: string, deviceId: string): Device {
    const device = this.users.get(userId)?.devices.get(deviceId);
    if (device === undefined) throw new SimError(401, 'M_UNKNOWN_TOKEN');
    return device;
  }

  noteChanged(userId: string): void {
    for (const user of this.users.values())
      for (const device of user.devices.values()) device.changed.add(userId);
  }

  #perform(userId: string, deviceId: string, { path, method, body }: OutgoingRequest): unknown {
    // A round trip through JSON, as the wire would.
    const json = JSON.parse(JSON.stringify(body ?? {})) as Json;
    const [, route = ''] = path.split('/_matrix/client/');
    if (route === 'v3/keys/upload') return this.#upload(userId, deviceId, json);
    if (route === 'v3/keys/query') return this.#query(userId, json);
    if (route.endsWith('keys/claim')) return this.#claim(route, json);
    if (route === 'v3/keys/device_signing/upload') return this.#crossSigning(userId, json);
    if (route === 'v3/keys/signatures/upload') return this.#signatures(userId, json);
    if (route.startsWith('v3/sendToDevice/')) return this.#toDevice(userId, path, json);
    const parts = route.split('/').map(decodeURIComponent);
    if (parts[1] === 'rooms' && parts[3] === 'members')
      return {
        chunk: [...this.#room(parts[2] ?? '').state.values()].filter((e) => e.type === 'm.room.member'),
      };
    if (parts[1] === 'rooms' && parts[3] === 'state' && method === 'PUT')
      return { event_id: this.member(parts[2] ?? '', userId, parts[5] ?? '', json) };
    if (parts[1] === 'user' && parts[3] === 'account_data')
      return this.#accountData(userId, method, parts[4] ?? '', json);
    if (route.startsWith('v3/room_keys/')) return this.#backup(userId, route, method, json);
    throw new SimError(404, 'M_UNRECOGNIZED');
  }

  #backup(userId: string, route: string, method: string, json: Json): unknown {
    const user = this.#user(userId);
    if (route === 'v3/room_keys/version' && method === 'POST') {
      user.backup = { version: String(++this.#ids), info: json, rooms: {} };
      return { version: user.backup.version };
    }
    if (user.backup === undefined) throw new SimError(404, 'M_NOT_FOUND');
    if (route === 'v3/room_keys/version') return { ...user.backup.info, version: user.backup.version };
    if (method === 'GET') return { rooms: user.backup.rooms };
    for (const [roomId, room] of Object.entries((json.rooms ?? {}) as Record<string, { sessions: Json }>))
      user.backup.rooms[roomId] = { sessions: { ...user.backup.rooms[roomId]?.sessions, ...room.sessions } };
    return { count: 0, etag: '0' };
  }

  #upload(userId: string, deviceId: string, json: Json): unknown {
    const device = this.device(userId, deviceId);
    if (json.device_keys !== undefined) {
      device.keys = json.device_keys as Json;
      this.noteChanged(userId);
    }
    for (const [id, key] of Object.entries((json.one_time_keys ?? {}) as Json)) device.oneTime.set(id, key);
    if (this.tricks.noFallback !== true && json.fallback_keys !== undefined)
      device.fallback = new Map(Object.entries(json.fallback_keys as Json));
    return { one_time_key_counts: this.#counts(device) };
  }

  #query(asker: string, json: Json): unknown {
    const out = {
      device_keys: {} as Record<string, Json>,
      master_keys: {} as Json,
      self_signing_keys: {} as Json,
      user_signing_keys: {} as Json,
    };
    for (const userId of Object.keys(json.device_keys ?? {})) {
      const user = this.users.get(userId);
      if (user === undefined) continue;
      const devices = [...user.devices].filter(([, device]) => device.keys !== undefined);
      out.device_keys[userId] = Object.fromEntries(devices.map(([id, device]) => [id, device.keys]));
      if (user.master !== undefined) out.master_keys[userId] = user.master;
      if (user.selfSigning !== undefined) out.self_signing_keys[userId] = user.selfSigning;
      if (userId === asker && user.userSigning !== undefined)
        out.user_signing_keys[userId] = user.userSigning;
    }
    return out;
  }

  #claim(route: string, json: Json): unknown {
    const combined = route.startsWith('unstable/');
    if (combined && this.tricks.standardOnly === true) throw new SimError(404, 'M_UNRECOGNIZED');
    const out: Record<string, Record<string, Json>> = {};
    for (const [userId, devices] of Object.entries((json.one_time_keys ?? {}) as Record<string, Json>))
      for (const [deviceId, wanted] of Object.entries(devices)) {
        const device = this.users.get(userId)?.devices.get(deviceId);
        if (device === undefined) continue;
        const keys: Json = {};
        for (const algorithm of [wanted].flat() as string[]) {
          const id = [...device.oneTime.keys()].find((key) => key.startsWith(`${algorithm}:`));
          if (id !== undefined) {
            keys[id] = device.oneTime.get(id);
            device.oneTime.delete(id);
            this.claimed.push(id);
            continue;
          }
          const fallback = [...device.fallback].find(([key]) => key.startsWith(`${algorithm}:`));
          if (fallback !== undefined) keys[fallback[0]] = fallback[1];
        }
        if (Object.keys(keys).length > 0) out[userId] = { ...out[userId], [deviceId]: keys };
      }
    return { one_time_keys: out, failures: {} };
  }

  #crossSigning(userId: string, json: Json): unknown {
    const user = this.#user(userId);
    if (json.master_key !== undefined) user.master = json.master_key as Json;
    if (json.self_signing_key !== undefined) user.selfSigning = json.self_signing_key as Json;
    if (json.user_signing_key !== undefined) user.userSigning = json.user_signing_key as Json;
    this.noteChanged(userId);
    return {};
  }

  #signatures(signer: string, json: Json): unknown {
    for (const [userId, objects] of Object.entries(json as Record<string, Record<string, Json>>))
      for (const [id, object] of Object.entries(objects)) {
        const user = this.#user(userId);
        const device = user.devices.get(id);
        const target = device?.keys ?? user.master;
        if (target === undefined) continue;
        const signatures = (target.signatures ?? {}) as Record<string, Json>;
        const fresh = (object.signatures ?? {}) as Record<string, Json>;
        target.signatures = { ...signatures, [signer]: { ...signatures[signer], ...fresh[signer] } };
        this.noteChanged(userId);
      }
    return { failures: {} };
  }

  #toDevice(sender: string, path: string, json: Json): unknown {
    if (this.#transactions.has(path)) return {};
    this.#transactions.add(path);
    const type = decodeURIComponent(path.split('/').at(-2) ?? '');
    for (const [userId, devices] of Object.entries((json.messages ?? {}) as Record<string, Json>))
      for (const [deviceId, content] of Object.entries(devices)) {
        const targets = deviceId === '*' ? [...(this.users.get(userId)?.devices.keys() ?? [])] : [deviceId];
        for (const target of targets) {
          const event: Json | undefined = { type, sender, content };
          const sent =
            this.tricks.toDevice === undefined ? event : this.tricks.toDevice(event, userId, target);
          if (sent !== undefined) this.users.get(userId)?.devices.get(target)?.inbox.push(sent);
        }
      }
    return {};
  }

  #accountData(userId: string, method: string, type: string, json: Json): unknown {
    const user = this.#user(userId);
    if (method === 'PUT') {
      user.data.set(type, json);
      return {};
    }
    const found = user.data.get(type);
    if (found === undefined) throw new SimError(404, 'M_NOT_FOUND');
    return found;
  }

  #counts(device: Device): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const id of device.oneTime.keys()) {
      const algorithm = id.slice(0, id.indexOf(':'));
      counts[algorithm] = (counts[algorithm] ?? 0) + 1;
    }
    return counts;
  }

  #event(roomId: string, sender: string, type: string, content: Json): MatrixEvent {
    const id = `$${++this.#ids}`;
    return { type, sender, content, event_id: id, origin_server_ts: this.#ids, room_id: roomId };
  }

  #user(userId: string): User {
    const user = this.users.get(userId);
    if (user === undefined) throw new SimError(404, 'M_NOT_FOUND');
    return user;
  }

  #room(roomId: string): Room {
    const room = this.rooms.get(roomId);
    if (room === undefined) throw new SimError(404, 'M_NOT_FOUND');
    return room;
  }
}
