import type { DeviceKey, DeviceKeys } from './device-key.ts';
import { VaultError } from './errors.ts';

const IV_BYTES = 12;

/** DeviceKeys over WebCrypto AES-256-GCM, non-extractable. `subtle` is `crypto.subtle` in browsers and in Node. */
export const webCryptoDeviceKeys = (
  subtle: SubtleCrypto,
  random: (length: number) => Uint8Array,
): DeviceKeys => ({
  async create() {
    const key = await subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
    return deviceKey(subtle, random, key);
  },
  restore(stored) {
    if (!isCryptoKey(stored)) throw new VaultError('VAULT_DAMAGED', 'device key');
    return deviceKey(subtle, random, stored);
  },
});

function deviceKey(subtle: SubtleCrypto, random: (length: number) => Uint8Array, key: CryptoKey): DeviceKey {
  return {
    stored: key,
    async wrap(plain) {
      const iv = random(IV_BYTES);
      const body = await subtle.encrypt({ name: 'AES-GCM', iv: own(iv) }, key, own(plain));
      const out = new Uint8Array(IV_BYTES + body.byteLength);
      out.set(iv);
      out.set(new Uint8Array(body), IV_BYTES);
      return out;
    },
    async unwrap(wrapped) {
      const iv = own(wrapped.subarray(0, IV_BYTES));
      return new Uint8Array(
        await subtle.decrypt({ name: 'AES-GCM', iv }, key, own(wrapped.subarray(IV_BYTES))),
      );
    },
  };
}

/** WebCrypto's types want bytes over a plain ArrayBuffer. */
const own = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => new Uint8Array(bytes);

const isCryptoKey = (value: unknown): value is CryptoKey =>
  typeof value === 'object' && value !== null && 'extractable' in value && 'algorithm' in value;
