import { z } from 'zod';
import { LIMITS } from '../limits.ts';

const id = z.string().min(1).max(255);
const type = z.string().min(1).max(255);
const content = z.record(z.string(), z.unknown());
const title = z.string().min(1).max(LIMITS.uiText);
const text = z.string().max(LIMITS.uiText);
const bytes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= LIMITS.secretBytes,
  'expected bytes',
);
const key = z
  .string()
  .min(1)
  .refine((value) => new TextEncoder().encode(value).length <= LIMITS.storageKeyBytes, 'key too long');
const handle = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
const secretName = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z0-9-]*$/);
const codeText = z.strictObject({ title, description: text.optional() });
const setting = z.union([z.boolean(), z.number(), z.string().max(LIMITS.settingText)]);
const profileKey = z.string().min(1).max(255);

/**
 * What a client plugin may call in the host, with the form of the parameters. The host checks each call against this
 * and against the permissions, whichever tier it came from.
 */
export const CLIENT_CALLS = {
  'storage.get': z.strictObject({ key }),
  'storage.set': z.strictObject({ key, value: z.unknown() }),
  'storage.delete': z.strictObject({ key }),
  'storage.list': z.strictObject({ prefix: z.string().max(LIMITS.storageKeyBytes), after: key.optional() }),
  'account.get': z.strictObject({}),
  'account.set': z.strictObject({ value: content }),
  'settings.set': z.strictObject({ name: secretName, value: setting }),
  'rooms.get': z.strictObject({ roomId: id }),
  'rooms.list': z.strictObject({}),
  'rooms.members': z.strictObject({ roomId: id }),
  'events.send': z.strictObject({
    roomId: id,
    type,
    content,
    echo: z.boolean(),
    encryptedOnly: z.boolean(),
  }),
  'devices.list': z.strictObject({ userId: id }),
  'devices.send': z.strictObject({
    userId: id,
    type,
    content,
    deviceIds: z.array(id).max(256).optional(),
  }),
  'profiles.get': z.strictObject({ userId: id, key: profileKey }),
  'profiles.set': z.strictObject({ key: profileKey, value: z.unknown().optional() }),
  'contacts.relation': z.strictObject({ userId: id }),
  'contacts.list': z.strictObject({}),
  'secrets.create': z.strictObject({ name: secretName }),
  'secrets.list': z.strictObject({ name: secretName }),
  'secrets.seal': z.strictObject({ handle, context: z.string().max(255), data: bytes }),
  'secrets.open': z.strictObject({ handle, context: z.string().max(255), data: bytes }),
  'secrets.share': z.strictObject({ handle, userIds: z.array(id).max(1_000) }),
  'secrets.forget': z.strictObject({ handle }),
  'secrets.showCode': z.strictObject({ handle, text: codeText }),
  'secrets.scanCode': z.strictObject({ name: secretName, text: codeText }),
  'network.request': z.strictObject({
    url: z.string().max(4_000),
    method: z.enum(['GET', 'POST']),
    headers: z.record(z.string().max(100), z.string().max(4_000)),
    body: z.string().max(LIMITS.networkBodyBytes).optional(),
  }),
  'homeserver.request': z.strictObject({
    method: z.enum(['GET', 'POST', 'PUT', 'DELETE']),
    path: z
      .string()
      .max(2_000)
      .regex(/^\/_matrix\/client\/[^?#\\]*$/)
      .refine((path) => !/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)/i.test(path), 'a path that climbs'),
    query: z.record(z.string().max(100), z.string().max(1_000)),
    body: z.unknown().optional(),
  }),
  'media.upload': z.strictObject({ data: bytes, contentType: z.string().max(127) }),
  'media.download': z.strictObject({ mxc: z.string().max(1_024) }),
  'calls.iceServers': z.strictObject({}),
  'ui.toast': z.strictObject({ text: title, tone: z.enum(['info', 'good', 'bad']) }),
  'ui.confirm': z.strictObject({ title, text, confirm: title, danger: z.boolean() }),
  'ui.notify': z.strictObject({ title, body: text, roomId: id.optional() }),
  'ui.openPanel': z.strictObject({ panelId: secretName, roomId: id }),
  'ui.openRoom': z.strictObject({ roomId: id }),
  'ui.refresh': z.strictObject({ contributionId: secretName }),
  log: z.strictObject({ level: z.enum(['info', 'warn', 'error']), message: z.string().max(LIMITS.logLine) }),
} as const;

export type ClientCall = keyof typeof CLIENT_CALLS;
export type ClientCallParams = { readonly [C in ClientCall]: z.output<(typeof CLIENT_CALLS)[C]> };

/** Calls that only trusted plugins have. */
export const TRUSTED_CALLS: ReadonlySet<ClientCall> = new Set([
  'homeserver.request',
  'media.upload',
  'media.download',
  'calls.iceServers',
]);

/**
 * The permission that a call needs; undefined when it needs none. For calls that name a secret by its handle the host
 * finds the name first: `nameOf` answers it.
 */
export const permissionOf = <C extends ClientCall>(
  call: C,
  params: ClientCallParams[C],
  nameOf: (handle: string) => string | undefined,
): string | undefined => {
  const given: Readonly<Record<string, unknown>> = params;
  const say = (prefix: string, name: string): string => `${prefix}:${String(given[name])}`;
  const [area] = call.split('.');
  switch (area) {
    case 'rooms':
      return 'rooms:read';
    case 'events':
      return say('events:send', 'type');
    case 'devices':
      return call === 'devices.send' ? say('devices:message', 'type') : 'devices:message:';
    case 'profiles':
      return say(call === 'profiles.get' ? 'profile:read' : 'profile:write', 'key');
    case 'contacts':
      return 'contacts:read';
    case 'secrets':
      return `secrets:${typeof given.name === 'string' ? given.name : (nameOf(String(given.handle)) ?? '')}`;
    case 'homeserver':
      return say('homeserver', 'path');
    case 'media':
      return 'media:files';
    case 'calls':
      return 'media';
    default:
      return undefined;
  }
};
