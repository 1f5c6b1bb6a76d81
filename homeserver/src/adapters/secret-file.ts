import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Secret } from '@nyx/config/secret.ts';
import type { Random } from '../ports/random.ts';

const SECRET_BYTES = 32;

const codeOf = (error: unknown): unknown =>
  error instanceof Error && 'code' in error ? error.code : undefined;

/**
 * The secret called `name` in the data folder; made on the first start, readable by this user alone. Safe when several
 * processes start at once: the first to create the file wins.
 */
export const secretFromFile = (dataDir: string, name: string, random: Random): Secret => {
  const folder = join(dataDir, 'secrets');
  const file = join(folder, name);
  try {
    return new Secret(readFileSync(file, 'utf8').trim());
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  try {
    const value = Buffer.from(random.bytes(SECRET_BYTES)).toString('base64url');
    writeFileSync(file, `${value}\n`, { mode: 0o600, flag: 'wx' });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
  }
  return new Secret(readFileSync(file, 'utf8').trim());
};
