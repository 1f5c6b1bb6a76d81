import { resolve } from 'node:path';
import { loadSigningKeys, rotateSigningKey } from '../services/signing-keys.ts';
import type { SigningKeys } from '../services/signing-keys.ts';
import type { ConfigOption } from './configuration.ts';
import { configurationFor, tell } from './configuration.ts';

const print = ({ current, old }: SigningKeys): void => {
  process.stdout.write(`${current.keyId} ${current.publicKey} in use\n`);
  for (const { keyId, publicKey, expiredAt } of old) {
    process.stdout.write(`${keyId} ${publicKey} until ${new Date(expiredAt).toISOString()}\n`);
  }
};

/** Prints the public halves of the server's signing keys. */
export const showKeys = async (options: ConfigOption): Promise<void> => {
  const { config } = configurationFor(options);
  print(await loadSigningKeys(resolve(config.server.dataDir)));
};

/** Replaces the signing key; the old one stays published for checking old events. */
export const rotateKeys = async (options: ConfigOption): Promise<void> => {
  const { config } = configurationFor(options);
  print(await rotateSigningKey(resolve(config.server.dataDir), Date.now()));
  tell('restart the server to use the new key; keep the data folder in your backups');
};
