/** This device's own keys: made once with the vault, read at every start. */
import { signJson, type Signatures } from '../identity/signed-json.ts';
import type { LocalDevice } from '../pairwise/device.ts';
import { toBase64 } from '../primitives/base64.ts';
import { ed25519FromSeed, ed25519Seed, generateEd25519 } from '../primitives/ed25519.ts';
import { GROUP_ALGORITHM, PAIRWISE_ALGORITHM } from '../primitives/names.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { generateX25519, x25519PublicKey } from '../primitives/x25519.ts';
import type { VaultOwner } from '../../vault/vault.ts';
import type { VaultTransaction } from '../../vault/transaction.ts';
import { SECRETS, type SecretName } from './tables.ts';

/** Makes the device's two keys. */
export function createDevice(tx: VaultTransaction, owner: VaultOwner, random: Random): LocalDevice {
  const ed25519 = generateEd25519(random);
  const x25519 = generateX25519(random);
  putSecret(tx, 'device.ed25519', ed25519Seed(ed25519.secret));
  putSecret(tx, 'device.x25519', x25519.secret);
  return { ...owner, ed25519, x25519 };
}

/** The device out of the vault, or undefined when the vault was made but its keys never stored. */
export function loadDevice(tx: VaultTransaction, owner: VaultOwner): LocalDevice | undefined {
  const seed = tx.get(SECRETS, 'device.ed25519');
  const secret = tx.get(SECRETS, 'device.x25519');
  if (seed === undefined || secret === undefined) return undefined;
  const x25519 = Secret.copy('x25519', secret.expose());
  const ed25519 = ed25519FromSeed(seed.expose());
  seed.wipe();
  return { ...owner, ed25519, x25519: { secret: x25519, public: x25519PublicKey(x25519) } };
}

export type DeviceKeysBody = {
  readonly user_id: string;
  readonly device_id: string;
  readonly algorithms: readonly string[];
  readonly keys: Readonly<Record<string, string>>;
  readonly signatures: Signatures;
};

/** `device_keys` of `/keys/upload`, signed by the device. Always the same: a change would void cross-signatures. */
export function deviceKeysBody(self: LocalDevice): DeviceKeysBody {
  const unsigned = {
    user_id: self.userId,
    device_id: self.deviceId,
    algorithms: [PAIRWISE_ALGORITHM, GROUP_ALGORITHM],
    keys: {
      [`curve25519:${self.deviceId}`]: toBase64(self.x25519.public),
      [`ed25519:${self.deviceId}`]: toBase64(self.ed25519.public),
    },
  };
  return signJson(unsigned, self.userId, `ed25519:${self.deviceId}`, self.ed25519.secret);
}

/** Stores a copy of a private key under its name. */
export const putSecret = (tx: VaultTransaction, name: SecretName, secret: Secret): void =>
  tx.put(SECRETS, name, Secret.copy('stored', secret.expose()));
