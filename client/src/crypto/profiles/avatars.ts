/** Pictures of profiles: encrypted like any file, under a key of their own that stays in the worker. */
import { decryptAttachment, encryptAttachment } from '../attachments/attachments.ts';
import { EngineError } from '../engine/engine-error.ts';
import type { Op } from '../engine/op.ts';
import { toHex } from '../primitives/bytes.ts';
import type { Random } from '../primitives/random.ts';
import { PROFILES, UPLOADS } from './tables.ts';

/** Bytes of a picture before encryption. */
export const MAX_AVATAR_BYTES = 1024 * 1024;
/** Pictures that were encrypted and not used yet. */
const MAX_UPLOADS = 8;

export type AvatarPorts = {
  readonly random: Random;
  readonly yieldNow: () => Promise<void>;
  /** One operation on the vault. */
  readonly run: <T>(use: (op: Op) => T) => Promise<T>;
};

export async function sealAvatar(
  { random, yieldNow, run }: AvatarPorts,
  { data, mimetype }: { readonly data: Uint8Array; readonly mimetype: string },
): Promise<{ readonly data: Uint8Array; readonly handle: string }> {
  if (data.length > MAX_AVATAR_BYTES) throw new EngineError('VALUE_TOO_LARGE', 'avatar');
  const sealed = await encryptAttachment(data, random, { report: () => undefined, yieldNow });
  const handle = toHex(random(16));
  await run((op) => {
    const old = op.tx.entries(UPLOADS).sort(([, a], [, b]) => b.at - a.at);
    for (const [name] of old.slice(MAX_UPLOADS - 1)) op.tx.delete(UPLOADS, name);
    op.tx.put(UPLOADS, handle, { mimetype, file: sealed.file, at: op.now });
  });
  return { data: sealed.data, handle };
}

export async function openAvatar(
  { yieldNow, run }: AvatarPorts,
  { userId, url, data }: { readonly userId: string; readonly url: string; readonly data: Uint8Array },
): Promise<{ readonly data: Uint8Array; readonly mimetype: string }> {
  const avatar = await run((op) => op.tx.get(PROFILES, userId)?.avatar);
  if (avatar?.url !== url) throw new EngineError('BAD_ATTACHMENT', 'not the picture of this profile');
  const plain = await decryptAttachment(data, avatar.file, { report: () => undefined, yieldNow });
  return { data: plain, mimetype: avatar.mimetype };
}
