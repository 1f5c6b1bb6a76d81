import { LIMITS } from '../limits.ts';
import { RpcError } from '../rpc/messages.ts';
import { MemoryStorage } from '../server/memory-storage.ts';
import type { AllowedCall } from './access.ts';
import type { RoomInfo, SecretInfo } from './data.ts';
import type { Self } from './plugin.ts';
import type { ClientCallParams } from './protocol.ts';
import type { TestNetwork, TestRoom } from './test-network.ts';

/** What a plugin under test did to the interface. */
export type TestUi = {
  readonly toasts: { readonly text: string; readonly tone: string }[];
  readonly notifications: ClientCallParams['ui.notify'][];
  /** `panel roomId`, `room roomId`. */
  readonly opened: string[];
  readonly refreshed: string[];
  /** Handles whose code is shown. */
  readonly shownCodes: string[];
};

/** Does what a plugin under test asks for, in the test's world. */
export class TestCalls {
  readonly storage = new MemoryStorage();
  readonly secrets = new Map<string, SecretInfo>();
  readonly settings: Record<string, boolean | number | string> = {};
  readonly logs: { readonly level: string; readonly message: string }[] = [];
  readonly ui: TestUi = { toasts: [], notifications: [], opened: [], refreshed: [], shownCodes: [] };
  /** What the person answers to questions. */
  answer = true;
  /** The code that the person scans next: its handle and whose it is. */
  scanned: { readonly handle: string; readonly owner: string } | undefined;
  readonly #network: TestNetwork;
  readonly #self: Self;
  readonly #pluginId: string;
  readonly #now: () => number;
  readonly #settingChanged: (name: string) => Promise<void>;

  constructor(
    network: TestNetwork,
    self: Self,
    pluginId: string,
    now: () => number,
    settingChanged: (name: string) => Promise<void>,
  ) {
    this.#network = network;
    this.#self = self;
    this.#pluginId = pluginId;
    this.#now = now;
    this.#settingChanged = settingChanged;
  }

  /** Keeps a secret, once. */
  keep(name: string, handle: string, owner: string): SecretInfo {
    const info = { handle, name, owner, since: this.#now(), sharedWith: [] };
    this.secrets.set(handle, info);
    return info;
  }

  async answerCall({ call, params }: AllowedCall): Promise<unknown> {
    const network = this.#network;
    const { userId } = this.#self;
    const account = `${userId}|${this.#pluginId}`;
    switch (call) {
      case 'storage.get':
        return this.storage.get(params.key);
      case 'storage.set':
        return this.storage.set(params.key, params.value);
      case 'storage.delete':
        return this.storage.delete(params.key);
      case 'storage.list':
        return this.storage.list(params.prefix, params.after);
      case 'account.get':
        return network.accountData.get(account) ?? null;
      case 'account.set':
        return void network.accountData.set(account, structuredClone(params.value));
      case 'settings.set':
        this.settings[params.name] = params.value;
        return this.#settingChanged(params.name);
      case 'rooms.get':
        return this.room(params.roomId) ?? null;
      case 'rooms.list':
        return [...network.rooms.keys()]
          .map((roomId) => this.room(roomId))
          .filter((room) => room !== undefined);
      case 'rooms.members':
        return network.membersOf(params.roomId);
      case 'events.send':
        return this.#send(params);
      case 'devices.list':
        return network.devices
          .filter((device) => device.userId === params.userId && device.deviceId !== this.#self.deviceId)
          .map(({ deviceId }) => ({ deviceId, reachable: true }));
      case 'devices.send':
        return this.#sendToDevices(params);
      case 'profiles.get':
        return network.profiles.get(`${params.userId}|${params.key}`) ?? null;
      case 'profiles.set':
        if (params.value === undefined) network.profiles.delete(`${userId}|${params.key}`);
        else network.profiles.set(`${userId}|${params.key}`, structuredClone(params.value));
        return null;
      case 'contacts.relation':
        return network.relation(userId, params.userId);
      case 'contacts.list':
        return [...new Set(network.devices.map((device) => device.userId))].filter(
          (other) => network.relation(userId, other) === 'contact',
        );
      case 'secrets.create':
        return this.keep(params.name, await network.createSecret(), userId);
      case 'secrets.list':
        return [...this.secrets.values()].filter(({ name }) => name === params.name).reverse();
      case 'secrets.seal':
        return network.seal(params.handle, params.context, params.data);
      case 'secrets.open':
        return network.open(params.handle, params.context, params.data);
      case 'secrets.share':
        return this.#share(params);
      case 'secrets.forget':
        return this.secrets.delete(params.handle);
      case 'secrets.showCode':
        return void this.ui.shownCodes.push(params.handle);
      case 'secrets.scanCode':
        return this.scanned === undefined
          ? null
          : this.keep(params.name, this.scanned.handle, this.scanned.owner);
      case 'network.request':
        return network.respond({ userId, method: params.method, url: params.url, body: params.body });
      case 'homeserver.request':
        return network.respond({ userId, method: params.method, url: params.path, body: params.body });
      case 'media.upload': {
        const mxc = `mxc://test.example/media${network.next()}`;
        network.media.set(mxc, { data: params.data.slice(), contentType: params.contentType });
        return mxc;
      }
      case 'media.download': {
        const found = network.media.get(params.mxc);
        if (found === undefined) throw new RpcError('not_found', 'no such file');
        return found.data.slice();
      }
      case 'calls.iceServers':
        return {
          servers: [{ urls: ['turn:turn.test.example'], username: 'user', credential: 'secret' }],
          lifetime: 3_600_000,
        };
      case 'ui.toast':
        return void this.ui.toasts.push(params);
      case 'ui.confirm':
        return this.answer;
      case 'ui.notify':
        return void this.ui.notifications.push(params);
      case 'ui.openPanel':
        return void this.ui.opened.push(`${params.panelId} ${params.roomId}`);
      case 'ui.openRoom':
        return void this.ui.opened.push(`room ${params.roomId}`);
      case 'ui.refresh':
        return void this.ui.refreshed.push(params.contributionId);
      case 'log':
        return void this.logs.push({ ...params, message: params.message.slice(0, LIMITS.logLine) });
    }
  }

  /** A room as this user sees it. */
  room(roomId: string): RoomInfo | undefined {
    const room = this.#network.rooms.get(roomId);
    return room?.members.includes(this.#self.userId) === true ? this.#info(room) : undefined;
  }

  #info({ roomId, name, encrypted, direct, members }: TestRoom): RoomInfo {
    const other = direct ? members.find((userId) => userId !== this.#self.userId) : undefined;
    return {
      roomId,
      name,
      encrypted,
      membership: 'join',
      joined: members.length,
      ...(other === undefined ? {} : { directUser: other }),
    };
  }

  async #send({
    roomId,
    type,
    content,
    encryptedOnly,
    echo,
  }: ClientCallParams['events.send']): Promise<string | null> {
    if (encryptedOnly && this.#network.rooms.get(roomId)?.encrypted !== true)
      throw new RpcError('not_encrypted', 'the room is not encrypted');
    const event = { type, content: structuredClone(content), timestamp: this.#now() };
    const eventId = await this.#network.sendEvent(this.#self, roomId, event);
    return echo ? null : eventId;
  }

  async #sendToDevices({
    userId,
    type,
    content,
    deviceIds,
  }: ClientCallParams['devices.send']): Promise<{ reached: string[] }> {
    const reached: string[] = [];
    for (const device of this.#network.devices) {
      const isMeant = deviceIds === undefined || deviceIds.includes(device.deviceId);
      if (device.userId !== userId || device.deviceId === this.#self.deviceId || !isMeant) continue;
      reached.push(device.deviceId);
      const trust = device.userId === this.#self.userId ? 'own' : 'pinned';
      const { userId: sender, deviceId } = this.#self;
      await device.takeMessage({ sender, device: deviceId, type, content: structuredClone(content), trust });
    }
    return { reached };
  }

  async #share({ handle, userIds }: ClientCallParams['secrets.share']): Promise<{ reached: string[] }> {
    const info = this.secrets.get(handle);
    if (info === undefined) throw new RpcError('unknown_handle', 'no such secret');
    const reached = new Set<string>();
    for (const device of this.#network.devices) {
      if (!userIds.includes(device.userId) || device.deviceId === this.#self.deviceId) continue;
      reached.add(device.userId);
      await device.takeSecret(info.name, handle, info.owner);
    }
    const sharedWith = [...new Set([...info.sharedWith, ...reached])];
    this.secrets.set(handle, { ...info, sharedWith });
    return { reached: [...reached] };
  }
}
