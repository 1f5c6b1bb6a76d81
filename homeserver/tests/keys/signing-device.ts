import { generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import type { JsonObject } from '@nyx/federation/json/value.ts';
import type { TestUser } from '../../src/testing/create-test-server.ts';

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replace(/=+$/, '');

const rawPublicKey = (key: KeyObject): string =>
  base64(key.export({ format: 'der', type: 'spki' }).subarray(-32));

/** An Ed25519 key pair with its public half in Base64. */
export const makeKeyPair = () => {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { publicKey: rawPublicKey(publicKey), privateKey };
};

/** `object` with a signature by `userId` under `keyId`. */
export const signedBy = <T extends JsonObject>(
  object: T,
  userId: string,
  keyId: string,
  privateKey: KeyObject,
): T & { signatures: Record<string, Record<string, string>> } => {
  const { signatures, unsigned: _unsigned, ...rest } = object;
  const signature = base64(sign(null, Buffer.from(canonicalJson(rest)), privateKey));
  const before = (signatures ?? {}) as unknown as Record<string, Record<string, string>>;
  return { ...object, signatures: { ...before, [userId]: { ...before[userId], [keyId]: signature } } };
};

/** The keys of a logged-in device, as a client would make them. */
export const makeDevice = ({ userId, deviceId }: Pick<TestUser, 'userId' | 'deviceId'>) => {
  const { publicKey, privateKey } = makeKeyPair();
  const keyId = `ed25519:${deviceId}`;
  const signObject = <T extends JsonObject>(object: T) => signedBy(object, userId, keyId, privateKey);
  return {
    publicKey,
    privateKey,
    sign: signObject,
    deviceKeys: (algorithms: string[] = ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2']) =>
      signObject({
        user_id: userId,
        device_id: deviceId,
        algorithms,
        keys: { [`curve25519:${deviceId}`]: base64(new Uint8Array(32).fill(7)), [keyId]: publicKey },
      }),
    oneTimeKey: (name: string) => signObject({ key: base64(Buffer.from(name.padEnd(32, '-').slice(0, 32))) }),
    /** `count` signed one-time keys under ids that begin with `prefix`, in upload order. */
    oneTimeKeys: (count: number, prefix: string, algorithm = 'signed_curve25519') =>
      Object.fromEntries(
        Array.from({ length: count }, (_, index) => {
          const name = `${prefix}${String(index).padStart(4, '0')}`;
          return [`${algorithm}:${name}`, signObject({ key: base64(Buffer.from(name.padEnd(32, '-'))) })];
        }),
      ),
    fallbackKey: (name: string, algorithm = 'signed_curve25519') => ({
      [`${algorithm}:${name}`]: signObject({
        key: base64(Buffer.from(name.padEnd(32, '-'))),
        fallback: true,
      }),
    }),
  };
};
