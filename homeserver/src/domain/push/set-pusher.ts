import { ownString, type JsonObject } from '@nyx/federation/json/value.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Pusher, PusherStore } from '../../ports/pushers.ts';
import { DomainError } from '../errors.ts';
import {
  GATEWAY_PATH,
  MAX_APP_ID,
  MAX_DATA_BYTES,
  MAX_NAME,
  MAX_PUSHERS,
  MAX_PUSHKEY_BYTES,
} from './limits.ts';
import { pusherId } from './pusher-id.ts';
import type { PusherUsers } from './pusher-users.ts';

/** A pusher as a client wants it. */
export type WantedPusher = {
  readonly kind: string | null;
  readonly appId: string;
  readonly pushkey: string;
  readonly appDisplayName?: string | undefined;
  readonly deviceDisplayName?: string | undefined;
  readonly profileTag?: string | undefined;
  readonly lang?: string | undefined;
  readonly data?: JsonObject | undefined;
  readonly append: boolean;
};

export type PusherOwner = {
  readonly userId: string;
  readonly deviceId: string;
  readonly sessionId: string;
};

export type PushersDeps = {
  readonly store: PusherStore;
  readonly users: PusherUsers;
  readonly clock: Clock;
  /** Whether gateways without TLS are taken: only in closed networks. */
  readonly allowInsecure: boolean;
};

const invalid = (message: string): DomainError => new DomainError('invalid_param', message);

/** Sets and lists what users want to be notified by (spec: Client-Server API, GET pushers, POST pushers/set). */
export class Pushers {
  readonly #deps: PushersDeps;

  constructor(deps: PushersDeps) {
    this.#deps = deps;
  }

  /** Throws `missing_param`, `invalid_param`, `too_large`, or `unknown_client_error` for too many. */
  async set(owner: PusherOwner, wanted: WantedPusher): Promise<void> {
    const { store, users, clock } = this.#deps;
    const { appId, pushkey, kind, append } = wanted;
    if (appId === '' || appId.length > MAX_APP_ID) throw invalid('app_id is too long, or empty');
    if (pushkey === '' || Buffer.byteLength(pushkey) > MAX_PUSHKEY_BYTES)
      throw invalid('pushkey is too long, or empty');
    const id = pusherId(owner.userId, appId, pushkey);
    if (kind === null) {
      await store.remove([id]);
      return;
    }
    const checked = this.#check(wanted);
    const own = await store.ofUsers([owner.userId]);
    if (own.length >= MAX_PUSHERS && !own.some((each) => each.id === id))
      throw new DomainError('unknown_client_error', 'Too many pushers');
    const { userId, deviceId, sessionId } = owner;
    const session = { userId, deviceId, sessionId };
    const now = clock.now();
    const pusher = { ...checked, ...session, id, appId, pushkey, createdAt: now, updatedAt: now };
    await store.set(pusher, !append);
    users.add(userId);
  }

  async list(userId: string): Promise<Pusher[]> {
    return this.#deps.store.ofUsers([userId]);
  }

  #check(
    wanted: WantedPusher,
  ): Pick<Pusher, 'kind' | 'appDisplayName' | 'deviceDisplayName' | 'profileTag' | 'lang' | 'data'> {
    const { kind, appDisplayName, deviceDisplayName, profileTag, lang, data } = wanted;
    if (kind !== 'http') throw invalid('Only pushers of kind http are served');
    if (
      appDisplayName === undefined ||
      deviceDisplayName === undefined ||
      lang === undefined ||
      data === undefined
    ) {
      const given = { app_display_name: appDisplayName, device_display_name: deviceDisplayName, lang, data };
      const missing = Object.entries(given).flatMap(([key, value]) => (value === undefined ? [key] : []));
      throw new DomainError('missing_param', `Missing parameters: ${missing.join(', ')}`);
    }
    if ([appDisplayName, deviceDisplayName, lang, profileTag ?? ''].some((text) => text.length > MAX_NAME))
      throw invalid('A name is too long');
    if (Buffer.byteLength(JSON.stringify(data)) > MAX_DATA_BYTES)
      throw new DomainError('too_large', 'data is too large');
    this.#checkUrl(data);
    const common = { kind: 'http', appDisplayName, deviceDisplayName, lang, data } as const;
    return profileTag === undefined ? common : { ...common, profileTag };
  }

  #checkUrl(data: JsonObject): void {
    const text = ownString(data, 'url');
    if (text === undefined) throw new DomainError('missing_param', 'Missing parameters: data.url');
    const url = gatewayUrl(text);
    const isSecure = url?.protocol === 'https:' || this.#deps.allowInsecure;
    if (url === undefined || !isSecure)
      throw invalid(`data.url must be an HTTPS address with the path ${GATEWAY_PATH}`);
  }
}

/** A gateway's address, or undefined when it is none (spec: Client-Server API, PusherData). */
export const gatewayUrl = (text: string): URL | undefined => {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.pathname !== GATEWAY_PATH) return undefined;
  const isPlain = url.username === '' && url.password === '';
  return (url.protocol === 'https:' || url.protocol === 'http:') && isPlain ? url : undefined;
};
