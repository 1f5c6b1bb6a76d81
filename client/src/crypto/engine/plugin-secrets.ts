/**
 * Secrets of plugins: made here, used here, handed from device to device in pairwise frames. The page knows their
 * handles only, so that no plugin, of whatever tier, ever holds key material.
 */
import * as z from 'zod/mini';
import type { Table } from '../../vault/table.ts';
import { emptyUser } from '../identity/user-record.ts';
import { fromBase64, toBase64, toBase64Url } from '../primitives/base64.ts';
import { equalBytes, fromUtf8, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import { NAMESPACE } from '../primitives/names.ts';
import { Secret } from '../primitives/secret.ts';
import { track } from './directory.ts';
import { EngineError } from './engine-error.ts';
import type { Op } from './op.ts';
import type { InnerEvent } from './pairwise-channel.ts';
import type { PluginSecret } from './protocol/plugins.ts';
import { USERS } from './tables.ts';

export const APP_SECRET_TYPE = `${NAMESPACE}.app_secret`;
export const SECRET_BYTES = 32;
/** Kept per person who shares: more replace the oldest. */
const MAX_PER_OWNER = 64;
/** Kept in all; more are refused. */
const MAX_SECRETS = 20_000;
const MAX_META_BYTES = 1024 * 1024;
const MAX_SHARED = 5_000;
const CODE_MAGIC = utf8('NYXSECR1');

export type AppKey = Secret<'app-secret'>;
type Row = PluginSecret & { readonly key: AppKey };

const rowSchema = z.object({
  handle: z.string(),
  plugin: z.string(),
  name: z.string(),
  owner: z.string(),
  since: z.number(),
  sharedWith: z.array(z.string()),
});

/** Public part as JSON, the key behind it as bytes, so that it can be wiped. */
const APP_SECRETS: Table<Row> = {
  name: 'app-secrets',
  cached: true,
  encode: ({ key, ...meta }) => {
    const json = utf8(JSON.stringify(meta));
    return new Writer(json.length + 64).bytes(json).fixed(key.expose()).finish();
  },
  decode: (bytes) => {
    const reader = new Reader(bytes);
    const meta = rowSchema.parse(JSON.parse(fromUtf8(reader.bytes(MAX_META_BYTES))));
    const key = Secret.take('app-secret', reader.fixed(SECRET_BYTES));
    reader.end();
    return { ...meta, key };
  },
  wipe: ({ key }) => key.wipe(),
};

const rowName = (plugin: string, handle: string): string => `${plugin}|${handle}`;
const shown = ({ key: _key, ...info }: Row): PluginSecret => info;

const handleOf = (key: AppKey): string =>
  toBase64Url(hkdfSha256({ ikm: key.expose(), info: utf8(`${NAMESPACE}/app-secret/handle/1`), length: 16 }));

function row(op: Op, plugin: string, handle: string): Row {
  const found = op.tx.get(APP_SECRETS, rowName(plugin, handle));
  if (found === undefined) throw new EngineError('UNKNOWN_SECRET');
  return found;
}

/** Keeps a secret unless it is known; makes room among those of the same owner. */
function keep(op: Op, meta: Pick<Row, 'plugin' | 'name' | 'owner' | 'key'>): PluginSecret | undefined {
  const handle = handleOf(meta.key);
  if (op.tx.get(APP_SECRETS, rowName(meta.plugin, handle)) !== undefined) return undefined;
  const all = op.tx.entries(APP_SECRETS);
  const own = all.filter(([, { owner }]) => owner === meta.owner).sort(([, a], [, b]) => a.since - b.since);
  if (own.length >= MAX_PER_OWNER && meta.owner !== op.self.userId) {
    const [oldest] = own;
    if (oldest !== undefined) op.tx.delete(APP_SECRETS, oldest[0]);
  } else if (all.length >= MAX_SECRETS) throw new EngineError('VALUE_TOO_LARGE', 'too many secrets');
  const kept: Row = { ...meta, handle, since: op.now, sharedWith: [] };
  op.tx.put(APP_SECRETS, rowName(meta.plugin, handle), kept);
  return shown(kept);
}

export function createSecret(op: Op, plugin: string, name: string): PluginSecret {
  const key = Secret.take('app-secret', op.random(SECRET_BYTES));
  const made = keep(op, { plugin, name, owner: op.self.userId, key });
  if (made === undefined) throw new EngineError('INTERNAL', 'the same random bytes twice');
  return made;
}

export const listSecrets = (op: Op, plugin: string): readonly PluginSecret[] =>
  op.tx
    .entries(APP_SECRETS)
    .filter(([, secret]) => secret.plugin === plugin)
    .map(([, secret]) => shown(secret))
    .sort((a, b) => b.since - a.since);

export function forgetSecret(op: Op, plugin: string, handle: string): void {
  if (op.tx.get(APP_SECRETS, rowName(plugin, handle)) !== undefined)
    op.tx.delete(APP_SECRETS, rowName(plugin, handle));
}

export function clearSecrets(op: Op, plugin: string): void {
  for (const { handle } of listSecrets(op, plugin)) forgetSecret(op, plugin, handle);
}

/** A copy of the key, for sealing beside the queue; its taker wipes it. */
export const useSecret = (op: Op, plugin: string, handle: string): { readonly key: AppKey } => ({
  key: Secret.copy('app-secret', row(op, plugin, handle).key.expose()),
});

/** What hands a secret over. To our own devices it says whose it is; others take the sender for its owner. */
export function shareOf(op: Op, plugin: string, handle: string): InnerEvent {
  const { name, owner, key } = row(op, plugin, handle);
  return { type: APP_SECRET_TYPE, content: { plugin, name, owner, key: toBase64(key.expose()) } };
}

/** A secret of somebody else is ours to use, not to pass on to third people. */
export function requireShareable(op: Op, plugin: string, handle: string, userIds: readonly string[]): void {
  const { owner } = row(op, plugin, handle);
  if (owner === op.self.userId) return;
  if (userIds.some((userId) => userId !== op.self.userId))
    throw new EngineError('UNKNOWN_SECRET', 'not ours');
}

export function noteShared(op: Op, plugin: string, handle: string, reached: readonly string[]): void {
  const known = row(op, plugin, handle);
  const sharedWith = [...new Set([...known.sharedWith, ...reached])].slice(-MAX_SHARED);
  // The cached value's key is wiped when it is replaced.
  const key = Secret.copy('app-secret', known.key.expose());
  op.tx.put(APP_SECRETS, rowName(plugin, handle), { ...known, key, sharedWith });
}

const shareSchema = z.object({
  plugin: z.string().check(z.minLength(1), z.maxLength(64)),
  name: z.string().check(z.minLength(1), z.maxLength(64)),
  owner: z.string().check(z.maxLength(255)),
  key: z.string().check(z.length(43)),
});

const readKey = (text: string): AppKey | undefined => {
  try {
    const bytes = fromBase64(text);
    return bytes.length === SECRET_BYTES ? Secret.take('app-secret', bytes) : undefined;
  } catch (error) {
    if (!isCryptoError(error)) throw error;
    return undefined;
  }
};

/** Takes a secret out of a pairwise frame of a trusted device. */
export function takeSecret(op: Op, sender: string, content: unknown): void {
  const parsed = shareSchema.safeParse(content);
  if (!parsed.success) return;
  const { plugin, name } = parsed.data;
  const key = readKey(parsed.data.key);
  if (key === undefined) return;
  const owner = sender === op.self.userId ? parsed.data.owner : sender;
  const secret = keep(op, { plugin, name, owner, key });
  if (secret !== undefined) op.notices.push({ kind: 'appSecret', secret });
}

/** The payload of a code: plugin, name, whose it is, their master key and the secret. */
export function secretCode(op: Op, plugin: string, handle: string): { readonly payload: Uint8Array } {
  const { name, owner, key } = row(op, plugin, handle);
  const pinned = op.tx.get(USERS, op.self.userId)?.pinned;
  if (owner !== op.self.userId || pinned === undefined) throw new EngineError('UNKNOWN_SECRET', 'not ours');
  const writer = new Writer(512).fixed(CODE_MAGIC).text(plugin).text(name).text(owner);
  return { payload: writer.fixed(fromBase64(pinned)).fixed(key.expose()).finish() };
}

const MAX_CODE_TEXT = 255;

/** Takes a code that the camera saw. What the camera says about an identity is believed over the server. */
export function scanSecret(op: Op, plugin: string, name: string, payload: Uint8Array): PluginSecret {
  const { owner, master, key } = readCode(plugin, name, payload);
  const user = op.tx.get(USERS, owner) ?? emptyUser(owner);
  if (owner === op.self.userId) throw new EngineError('BAD_QR', 'our own code');
  if (user.pinned !== undefined && user.pinned !== master) throw new EngineError('IDENTITY_CHANGED');
  if (user.pinned === undefined) op.tx.put(USERS, owner, { ...user, pinned: master });
  track(op, owner);
  const known = handleOf(key);
  return keep(op, { plugin, name, owner, key }) ?? shown(row(op, plugin, known));
}

function readCode(
  plugin: string,
  name: string,
  payload: Uint8Array,
): { readonly owner: string; readonly master: string; readonly key: AppKey } {
  try {
    const reader = new Reader(payload);
    if (!equalBytes(reader.fixed(CODE_MAGIC.length), CODE_MAGIC)) throw new EngineError('BAD_QR');
    const isOurs = reader.text(MAX_CODE_TEXT) === plugin && reader.text(MAX_CODE_TEXT) === name;
    const owner = reader.text(MAX_CODE_TEXT);
    if (!isOurs || !/^@[^:]*:.+$/u.test(owner)) throw new EngineError('BAD_QR');
    const master = toBase64(reader.fixed(32));
    const key: AppKey = Secret.take('app-secret', reader.fixed(SECRET_BYTES));
    reader.end();
    return { owner, master, key };
  } catch (error) {
    if (isCryptoError(error)) throw new EngineError('BAD_QR', error.code);
    throw error;
  }
}
