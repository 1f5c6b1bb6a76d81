import { mkdtemp, readFile, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VerifyKey } from '@nyx/federation/signing/keys.ts';
import { beforeEach, describe, expect, it } from 'vitest';
import { loadSigningKeys, rotateSigningKey } from './signing-keys.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nyx-keys-'));
});
const file = () => join(folder, 'secrets', 'signing.key');

describe('the signing key', () => {
  it('is made once, for this user alone, and found again', async () => {
    const [first, second] = await Promise.all([loadSigningKeys(folder), loadSigningKeys(folder)]);
    expect(second.current.keyId).toBe(first.current.keyId);
    expect((await loadSigningKeys(folder)).current.publicKey).toBe(first.current.publicKey);
    expect((await stat(file())).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'secrets'))).mode & 0o777).toBe(0o700);
    const signature = first.current.sign('x');
    expect(VerifyKey.fromBase64(second.current.publicKey)?.verify('x', signature)).toBe(true);
  });

  it('is rotated: the old one stays known, and the new one is another', async () => {
    const before = await loadSigningKeys(folder);
    const after = await rotateSigningKey(folder, 1_000);
    expect(after.current.keyId).not.toBe(before.current.keyId);
    expect(after.old).toEqual([
      { keyId: before.current.keyId, publicKey: before.current.publicKey, expiredAt: 1_000 },
    ]);
    expect(await loadSigningKeys(folder)).toEqual(after);
  });

  it('is not published as old when a rotation was cut short', async () => {
    await loadSigningKeys(folder);
    const line = await readFile(file(), 'utf8');
    await rotateSigningKey(folder, 1_000);
    await writeFile(file(), line);
    expect((await loadSigningKeys(folder)).old).toEqual([]);
  });

  it("reads Synapse's file", async () => {
    await loadSigningKeys(folder);
    // Key of the specification's appendix "Cryptographic Test Vectors".
    await writeFile(file(), 'ed25519 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1\n');
    const { current } = await loadSigningKeys(folder);
    expect(current.keyId).toBe('ed25519:1');
    expect(current.publicKey).toBe('XGX0JRS2Af3be3knz2fBiRbApjm2Dh61gXDJA8kcJNI');
  });

  it.each(['', 'ed25519 1 short', 'rsa 1 YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1'])(
    'refuses %j without repeating it',
    async (text) => {
      await loadSigningKeys(folder);
      await writeFile(file(), text);
      const failure = await loadSigningKeys(folder).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: 'SIGNING_KEY_FILE' });
      expect(String(failure)).not.toContain('YJDB');
    },
  );
});
