import { LIMITS } from '@nyx/plugin-sdk/limits.ts';
import { RpcError } from '@nyx/plugin-sdk/rpc/messages.ts';
import type { AllowedCall } from '@nyx/plugin-sdk/client/access.ts';
import type { HttpAnswer, MemberInfo, Relation, RoomInfo, SecretInfo } from '@nyx/plugin-sdk/client/data.ts';
import type { ClientCallParams } from '@nyx/plugin-sdk/client/protocol.ts';
import type { PluginSecret } from '../crypto/engine/protocol/plugins.ts';
import { setAccountData } from '../matrix/api/account.ts';
import { authHeaders, path, send, urlOf } from '../matrix/api/http.ts';
import { download, upload } from '../matrix/api/media.ts';
import type { ApiError } from '../matrix/api/result.ts';
import { recordOf } from '../matrix/events.ts';
import type { RoomRecord } from '../matrix/types.ts';
import { deliverEntry } from '../runtime/deliver.ts';
import { engineErrorCode } from '../runtime/engine-error.ts';
import type { SessionRuntime } from '../runtime/session-runtime.ts';
import { ask, openPanel, refreshed } from './registry.ts';
import { iceServers } from './ice-servers.ts';
import type { PluginStorage } from './plugin-storage.ts';

/** What the page knows and does for plugins. */
export type PageServices = {
  readonly rooms: () => ReadonlyMap<string, RoomRecord>;
  readonly nameOf: (room: RoomRecord) => string;
  readonly ignored: () => ReadonlySet<string>;
  /** Joined and invited members, fetched when they are not all known. */
  readonly members: (roomId: string) => Promise<readonly MemberInfo[]>;
  readonly openRoom: (roomId: string) => Promise<void>;
  readonly toast: (text: string, tone: 'info' | 'good' | 'bad') => void;
};

/** The plugin that calls. */
export type Caller = {
  readonly id: string;
  readonly name: string;
  readonly storage: PluginStorage;
  readonly setSetting: (name: string, value: boolean | number | string) => Promise<null>;
  readonly log: (level: string, message: string) => void;
};

const MAX_MEMBERS = 5_000;
const MAX_ACCOUNT_BYTES = 32_768;

const refusedBy = (error: ApiError): RpcError => {
  if (error.status === 404) return new RpcError('not_found', error.message);
  return new RpcError(error.kind === 'http' ? 'refused' : 'network', error.code);
};

const codes: Readonly<Record<string, string>> = {
  UNKNOWN_SECRET: 'unknown_handle',
  BAD_SEALED: 'damaged',
  IDENTITY_CHANGED: 'identity_changed',
  BAD_QR: 'bad_code',
  NETWORK: 'network',
  VALUE_TOO_LARGE: 'too_large',
};

/** Does what plugins ask for. Whether they may is decided before (`admit`). */
export class HostCalls {
  readonly #runtime: SessionRuntime;
  readonly #page: PageServices;

  constructor(runtime: SessionRuntime, page: PageServices) {
    this.#runtime = runtime;
    this.#page = page;
  }

  /** Throws `RpcError`: what went wrong inside says no more than its code. */
  async answer(caller: Caller, allowed: AllowedCall): Promise<unknown> {
    try {
      return await this.#do(caller, allowed);
    } catch (error) {
      const code = engineErrorCode(error);
      if (error instanceof RpcError || code === undefined) throw error;
      throw new RpcError(codes[code] ?? 'failed', code);
    }
  }

  relation(userId: string): Relation {
    if (userId === this.#runtime.session.userId) return 'self';
    if (this.#page.ignored().has(userId)) return 'blocked';
    const rooms = [...this.#page.rooms().values()];
    return rooms.some((room) => room.membership === 'join' && room.directUser === userId)
      ? 'contact'
      : 'stranger';
  }

  room(roomId: string): RoomInfo | undefined {
    const room = this.#page.rooms().get(roomId);
    if (room === undefined) return undefined;
    const { membership, encryption, joined, directUser } = room;
    return {
      ...{ roomId, membership, joined, name: this.#page.nameOf(room), encrypted: encryption === 'nyx' },
      ...(directUser === undefined ? {} : { directUser }),
    };
  }

  async #do(caller: Caller, { call, params }: AllowedCall): Promise<unknown> {
    const { engine, session, api, db } = this.#runtime;
    const plugin = caller.id;
    switch (call) {
      case 'storage.get':
        return caller.storage.get(params.key);
      case 'storage.set':
        return caller.storage.set(params.key, params.value);
      case 'storage.delete':
        return caller.storage.delete(params.key);
      case 'storage.list':
        return caller.storage.list(params.prefix, params.after);
      case 'account.get':
        return (await db.get('accountData', ['', plugin]))?.content ?? null;
      case 'account.set': {
        if (JSON.stringify(params.value).length > MAX_ACCOUNT_BYTES)
          throw new RpcError('invalid', 'account data is too large');
        const set = await setAccountData(api, session.userId, plugin, params.value);
        if (!set.ok) throw refusedBy(set.error);
        return null;
      }
      case 'settings.set':
        return caller.setSetting(params.name, params.value);
      case 'rooms.get':
        return this.room(params.roomId) ?? null;
      case 'rooms.list':
        return [...this.#page.rooms().keys()].map((roomId) => this.room(roomId));
      case 'rooms.members':
        return (await this.#page.members(params.roomId)).slice(0, MAX_MEMBERS);
      case 'events.send':
        return this.#sendEvent(params);
      case 'devices.list': {
        const { devices } = await engine.call('userIdentity', { userId: params.userId });
        return devices
          .filter(({ deviceId }) => params.userId !== session.userId || deviceId !== session.deviceId)
          .map(({ deviceId, crossSigned, capable }) => ({ deviceId, reachable: crossSigned && capable }));
      }
      case 'devices.send':
        return engine.call('deviceSend', params);
      case 'profiles.get':
        return this.#profileField(params.userId, params.key);
      case 'profiles.set':
        return this.#setProfileField(params.key, params.value);
      case 'contacts.relation':
        return this.relation(params.userId);
      case 'contacts.list':
        return [
          ...new Set([...this.#page.rooms().values()].flatMap(({ directUser }) => directUser ?? [])),
        ].filter((userId) => this.relation(userId) === 'contact');
      case 'secrets.create':
        return infoOf(await engine.call('secretCreate', { plugin, name: params.name }));
      case 'secrets.list': {
        const { secrets } = await engine.call('secretList', { plugin });
        return secrets.filter(({ name }) => name === params.name).map(infoOf);
      }
      case 'secrets.seal':
        return (await engine.call('secretSeal', { plugin, ...params })).data;
      case 'secrets.open':
        return (await engine.call('secretOpen', { plugin, ...params })).data;
      case 'secrets.share':
        return engine.call('secretShare', { plugin, ...params });
      case 'secrets.forget':
        return engine.call('secretForget', { plugin, ...params });
      case 'secrets.showCode': {
        const { payload } = await engine.call('secretCode', { plugin, handle: params.handle });
        const { title, description: text = '' } = params.text;
        const { promise, resolve: answer } = Promise.withResolvers<null>();
        ask({ kind: 'show-code', plugin: caller.name, title, text, payload, answer: () => answer(null) });
        return promise;
      }
      case 'secrets.scanCode': {
        const { title, description: text = '' } = params.text;
        const { promise, resolve: answer } = Promise.withResolvers<Uint8Array | undefined>();
        ask({ kind: 'scan-code', plugin: caller.name, title, text, answer });
        const payload = await promise;
        if (payload === undefined) return null;
        return infoOf(await engine.call('secretScan', { plugin, name: params.name, payload }));
      }
      case 'network.request':
        return this.#request({ ...params, headers: params.headers }, params.url, 'error');
      case 'homeserver.request':
        return this.#request(
          {
            method: params.method,
            headers: authHeaders(api),
            ...(params.body === undefined ? {} : { body: JSON.stringify(params.body) }),
          },
          urlOf(api, params.path, params.query),
          'follow',
        );
      case 'media.upload': {
        const bytes = Uint8Array.from(params.data);
        const sent = await upload(api, new Blob([bytes], { type: params.contentType }));
        if (!sent.ok) throw refusedBy(sent.error);
        return sent.value;
      }
      case 'media.download': {
        const found = await download(api, params.mxc);
        if (!found.ok) throw refusedBy(found.error);
        if (found.value.size > LIMITS.secretBytes) throw new RpcError('too_large', 'the file is too large');
        return new Uint8Array(await found.value.arrayBuffer());
      }
      case 'calls.iceServers':
        return iceServers(api);
      case 'ui.toast':
        this.#page.toast(`${caller.name}: ${params.text}`, params.tone);
        return null;
      case 'ui.confirm': {
        const { promise, resolve: answer } = Promise.withResolvers<boolean>();
        ask({ kind: 'confirm', plugin: caller.name, ...params, answer });
        return promise;
      }
      case 'ui.notify': {
        const away = document.visibilityState === 'hidden' || !document.hasFocus();
        if (!away || !('Notification' in globalThis) || Notification.permission !== 'granted') return null;
        const { roomId } = params;
        const notice = new Notification(params.title, { body: params.body, icon: './icon.svg' });
        notice.onclick = () => {
          window.focus();
          if (roomId !== undefined) void this.#page.openRoom(roomId);
        };
        return null;
      }
      case 'ui.openPanel':
        await this.#page.openRoom(params.roomId);
        openPanel.value = `${plugin} side-panel ${params.panelId}`;
        return null;
      case 'ui.openRoom':
        await this.#page.openRoom(params.roomId);
        return null;
      case 'ui.refresh':
        for (const point of ['message-renderer', 'side-panel', 'user-card', 'settings-pane']) {
          const key = `${plugin} ${point} ${params.contributionId}`;
          refreshed.set(key, (refreshed.get(key) ?? 0) + 1);
        }
        return null;
      case 'log':
        caller.log(params.level, params.message);
        return null;
    }
  }

  async #sendEvent(params: ClientCallParams['events.send']): Promise<string | null> {
    const { roomId, type, content, echo, encryptedOnly } = params;
    const { api, db, engine, platform, queue } = this.#runtime;
    if (encryptedOnly && this.room(roomId)?.encrypted !== true)
      throw new RpcError('not_encrypted', 'the room is not encrypted');
    if (echo) {
      await queue.add({ roomId, type, content });
      return null;
    }
    const entry = { roomId, type, content, txnId: platform.newId(), kind: 'event' as const };
    const sent = await deliverEntry(
      { api, db, engine },
      { ...entry, createdAt: platform.now(), attempts: 0, state: 'queued', error: undefined },
    );
    if (!sent.ok) throw refusedBy(sent.error);
    return sent.value;
  }

  async #profileField(userId: string, key: string): Promise<unknown> {
    const { api } = this.#runtime;
    const route = path`/_matrix/client/v3/profile/${userId}/${key}`;
    const { status, json } = await this.#request(
      { method: 'GET', headers: authHeaders(api) },
      urlOf(api, route),
      'follow',
    );
    if (status === 0) throw new RpcError('network', 'no answer');
    return recordOf(json)?.[key] ?? null;
  }

  async #setProfileField(key: string, value: unknown): Promise<null> {
    const { api, session } = this.#runtime;
    const { status } = await this.#request(
      value === undefined
        ? { method: 'DELETE', headers: authHeaders(api) }
        : { method: 'PUT', headers: authHeaders(api), body: JSON.stringify({ [key]: value }) },
      urlOf(api, path`/_matrix/client/v3/profile/${session.userId}/${key}`),
      'follow',
    );
    if (status === 200) return null;
    throw new RpcError(status === 0 ? 'network' : 'refused', `the server answered ${status}`);
  }

  async #request(
    request: {
      readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
      readonly headers: Readonly<Record<string, string>>;
      readonly body?: string | undefined;
    },
    url: string,
    redirect: 'error' | 'follow',
  ): Promise<HttpAnswer> {
    const { method, body } = request;
    const headers: Record<string, string> = { ...request.headers };
    if (body !== undefined) headers['content-type'] ??= 'application/json';
    const sent = await send(this.#runtime.api, {
      ...{ method, url, headers, redirect, timeoutMs: 10_000 },
      ...(body === undefined ? {} : { body }),
    });
    if (!sent.ok) return { status: 0, text: '' };
    const { status } = sent.value;
    if (sent.value.body.size > LIMITS.httpBodyBytes)
      throw new RpcError('too_large', 'the answer is too large');
    const text = await sent.value.body.text();
    try {
      return { status, text, json: JSON.parse(text) as unknown };
    } catch {
      return { status, text };
    }
  }
}

/** A secret as plugins see it. */
export const infoOf = ({ handle, name, owner, since, sharedWith }: PluginSecret): SecretInfo => ({
  ...{ handle, name, owner, since, sharedWith },
});
