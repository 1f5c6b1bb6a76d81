import { randomBytes } from 'node:crypto';
import { link, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { SigningKey, keyVersionOf } from '@nyx/federation/signing/keys.ts';
import { z } from 'zod';
import { makePrivateFolder, readIfThere, writePrivateFile } from './private-folder.ts';

/** A key that this server signed with once; peers need it to check old events. */
export type OldSigningKey = {
  readonly keyId: string;
  /** Unpadded Base64. */
  readonly publicKey: string;
  /** Milliseconds since the epoch after which nothing may be signed with it. */
  readonly expiredAt: number;
};

export type SigningKeys = { readonly current: SigningKey; readonly old: readonly OldSigningKey[] };

/** A key file that cannot be read. Carries nothing of what it holds. */
export class SigningKeyFileError extends Error {
  readonly code = 'SIGNING_KEY_FILE';
}

const oldKeysSchema = z.array(
  z.strictObject({ keyId: z.string(), publicKey: z.string(), expiredAt: z.number().int().nonnegative() }),
);

const keyPath = (dataDir: string) => join(dataDir, 'secrets', 'signing.key');
const oldPath = (dataDir: string) => join(dataDir, 'secrets', 'old-signing-keys.json');

/** One line, `ed25519 VERSION SEED`, as Synapse writes it: a server that moves here brings its key along. */
const parseKeyFile = (text: string, path: string): SigningKey => {
  const [algorithm, version, seed] = text.trim().split(/\s+/);
  const bytes = Buffer.from(seed ?? '', 'base64');
  if (
    algorithm !== 'ed25519' ||
    version === undefined ||
    !/^[A-Za-z0-9_]+$/.test(version) ||
    bytes.length !== 32
  ) {
    throw new SigningKeyFileError(
      `${path} does not hold a signing key. Expected one line: ed25519 VERSION SEED (32 bytes in Base64). Restore it from a backup.`,
    );
  }
  return SigningKey.fromSeed(version, bytes);
};

const newKeyLine = (): string => {
  const seed = randomBytes(32);
  const version = keyVersionOf(SigningKey.fromSeed('new', seed).publicKey);
  return `ed25519 ${version} ${seed.toString('base64').replace(/=+$/, '')}\n`;
};

/** Writes `content` unless the file is there already; true when it was written. Never leaves half a file. */
const writeOnce = async (path: string, content: string): Promise<boolean> => {
  const draft = `${path}.${randomBytes(4).toString('hex')}`;
  await writePrivateFile(draft, content);
  try {
    await link(draft, path);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
};

const readOldKeys = async (dataDir: string): Promise<readonly OldSigningKey[]> => {
  const text = await readIfThere(oldPath(dataDir));
  if (text === undefined) return [];
  try {
    return oldKeysSchema.parse(JSON.parse(text));
  } catch {
    throw new SigningKeyFileError(`${oldPath(dataDir)} is damaged. Restore it from a backup.`);
  }
};

/** The keys of `dataDir`. The first start makes one; of several processes starting at once, the first wins. */
export const loadSigningKeys = async (dataDir: string): Promise<SigningKeys> => {
  const path = keyPath(dataDir);
  let text = await readIfThere(path);
  if (text === undefined) {
    await makePrivateFolder(join(dataDir, 'secrets'));
    await writeOnce(path, newKeyLine());
    text = await readIfThere(path);
  }
  const current = parseKeyFile(text ?? '', path);
  // A rotation that was cut short leaves the current key among the old ones.
  const old = (await readOldKeys(dataDir)).filter(({ keyId }) => keyId !== current.keyId);
  return { current, old };
};

/**
 * Puts a new key in the place of the current one, which joins the old keys. Peers learn of it from the next answer to
 * `/_matrix/key/v2/server`. The server has to be restarted to use it.
 * @param now milliseconds since the epoch
 */
export const rotateSigningKey = async (dataDir: string, now: number): Promise<SigningKeys> => {
  const { current, old } = await loadSigningKeys(dataDir);
  const retired = [...old, { keyId: current.keyId, publicKey: current.publicKey, expiredAt: now }];
  // In this order a crash in between changes nothing; in the other it would lose the retired key.
  await writePrivateFile(oldPath(dataDir), `${JSON.stringify(retired, null, 2)}\n`);
  await writePrivateFile(keyPath(dataDir), newKeyLine());
  return loadSigningKeys(dataDir);
};
