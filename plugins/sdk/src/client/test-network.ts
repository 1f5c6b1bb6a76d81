import { RpcError } from '../rpc/messages.ts';
import { TestProfiles } from './test-profiles.ts';
import type { ArrivedEvent, Content, DeviceMessage, HttpAnswer, MemberInfo, Relation } from './data.ts';

/** A room of the test's world. */
export type TestRoom = {
  readonly roomId: string;
  readonly name: string;
  readonly encrypted: boolean;
  /** True for a chat of two. */
  readonly direct: boolean;
  /** User ids of those who joined. */
  readonly members: readonly string[];
};

/** A secret's key as the test's world keeps it; plugins never meet this object. */
type Key = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

/** One device of the test's world, as it takes things in. */
export interface TestDevice {
  readonly userId: string;
  readonly deviceId: string;
  takeEvents(events: readonly ArrivedEvent[]): Promise<void>;
  takeMessage(message: DeviceMessage): Promise<void>;
  takeSecret(name: string, handle: string, owner: string): Promise<void>;
}

const HANDLE_BYTES = 16;
const IV_BYTES = 12;

const base64Url = (bytes: Uint8Array): string =>
  btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replace(/=+$/, '');

const exact = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => Uint8Array.from(bytes);

/**
 * Homeserver and crypto worker for plugins under test, shared by the hosts of several users. Secrets are sealed with
 * AES-GCM here: what is sealed opens with the same handle and context, and with nothing else.
 */
export class TestNetwork {
  readonly rooms = new Map<string, TestRoom>();
  readonly devices: TestDevice[] = [];
  /** Profile fields, by `user|key`. */
  readonly profiles = new Map<string, unknown>();
  readonly media = new Map<string, { readonly data: Uint8Array; readonly contentType: string }>();
  /** Account data by `user|plugin`. */
  readonly accountData = new Map<string, unknown>();
  /** Relations that differ from what rooms say, by `from|to`. */
  readonly relations = new Map<string, Relation>();
  /** Answers requests to the homeserver and to other domains; replace it. */
  respond: (request: {
    readonly userId: string;
    readonly method: string;
    readonly url: string;
    readonly body?: unknown;
  }) => HttpAnswer = () => ({ status: 404, text: '' });
  readonly #secrets = new Map<string, Key>();
  #next = 1;
  /** Profiles that only contacts read. */
  readonly sealed = new TestProfiles(() => this.next());

  /** A number that nobody else got. */
  next(): number {
    return this.#next++;
  }

  addRoom(room: Partial<TestRoom> & { readonly members: readonly string[] }): TestRoom {
    const roomId = room.roomId ?? `!room${this.next()}:test.example`;
    const added = { roomId, name: roomId, encrypted: true, direct: room.members.length === 2, ...room };
    this.rooms.set(roomId, added);
    return added;
  }

  relation(from: string, to: string): Relation {
    if (from === to) return 'self';
    const said = this.relations.get(`${from}|${to}`);
    if (said !== undefined) return said;
    const known = [...this.rooms.values()].some(
      ({ direct, members }) => direct && members.includes(from) && members.includes(to),
    );
    return known ? 'contact' : 'stranger';
  }

  membersOf(roomId: string): readonly MemberInfo[] {
    return (this.rooms.get(roomId)?.members ?? []).map((userId) => ({
      userId,
      name: userId.slice(1).split(':')[0] ?? userId,
      membership: 'join',
    }));
  }

  /** Brings an event to every device in the room, the sender's own included. */
  async sendEvent(
    from: { readonly userId: string; readonly deviceId: string },
    roomId: string,
    event: { readonly type: string; readonly content: Content; readonly timestamp: number },
  ): Promise<string> {
    const room = this.rooms.get(roomId);
    if (room?.members.includes(from.userId) !== true) throw new RpcError('refused', 'not in this room');
    const eventId = `$event${this.next()}`;
    const proof = room.encrypted ? { device: from.deviceId } : {};
    for (const device of this.devices) {
      if (!room.members.includes(device.userId)) continue;
      const isOwn = device.userId === from.userId;
      const trust = room.encrypted ? { trust: isOwn ? ('own' as const) : ('pinned' as const) } : {};
      await device.takeEvents([
        {
          ...event,
          ...proof,
          ...trust,
          eventId,
          roomId,
          sender: from.userId,
          isOwn,
          encrypted: room.encrypted,
          age: 0,
        },
      ]);
    }
    return eventId;
  }

  async createSecret(): Promise<string> {
    const key = await crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, true, [
      'encrypt',
      'decrypt',
    ]);
    const hash = await crypto.subtle.digest('SHA-256', await crypto.subtle.exportKey('raw', key));
    const handle = base64Url(new Uint8Array(hash).slice(0, HANDLE_BYTES));
    this.#secrets.set(handle, key);
    return handle;
  }

  async seal(handle: string, context: string, data: Uint8Array): Promise<Uint8Array> {
    // Counted: no two are the same.
    const iv = new Uint8Array(IV_BYTES);
    new DataView(iv.buffer).setUint32(0, this.next());
    const additionalData = new TextEncoder().encode(context);
    const sealed = await crypto.subtle.encrypt(
      { name: 'AES-GCM', iv, additionalData },
      this.#key(handle),
      exact(data),
    );
    return new Uint8Array([...iv, ...new Uint8Array(sealed)]);
  }

  async open(handle: string, context: string, data: Uint8Array): Promise<Uint8Array> {
    const additionalData = new TextEncoder().encode(context);
    try {
      const iv = exact(data.subarray(0, IV_BYTES));
      return new Uint8Array(
        await crypto.subtle.decrypt(
          { name: 'AES-GCM', iv, additionalData },
          this.#key(handle),
          exact(data.subarray(IV_BYTES)),
        ),
      );
    } catch {
      throw new RpcError('damaged', 'not sealed with this secret and context');
    }
  }

  #key(handle: string): Key {
    const key = this.#secrets.get(handle);
    if (key === undefined) throw new RpcError('unknown_handle', 'no such secret');
    return key;
  }
}
