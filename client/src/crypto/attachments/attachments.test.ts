import { xchacha20poly1305 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { beforeAll, describe, expect, it } from 'vitest';

import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { systemRandom } from '../primitives/random.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { decryptAttachment, encryptAttachment, type Progress } from './attachments.ts';
import { chunkNonce, layoutOf, MAX_ATTACHMENT_BYTES, paddedFileSize } from './layout.ts';

beforeAll(loadSodium);

const quiet: Progress = { report: () => undefined, yieldNow: async () => undefined };

/** Compares large arrays without the matcher's walk over every element. */
const same = (actual: Uint8Array, expected: Uint8Array): void => {
  expect(Buffer.from(actual).equals(expected)).toBe(true);
};

describe('an encrypted file', () => {
  it('comes back whole, whatever its size', async () => {
    for (const size of [0, 1, 1023, 1024, 1025, 65_535, 65_536, 65_537, 131_072, 400_001]) {
      const data = systemRandom(size);
      const encrypted = await encryptAttachment(data, systemRandom, quiet);
      expect(encrypted.data.length).toBe(layoutOf(size, 65_536).total);
      expect(toBase64(sha256(encrypted.data))).toBe(encrypted.file.sha256);
      same(await decryptAttachment(encrypted.data, encrypted.file, quiet), data);
    }
  });

  it('has chunks that another implementation opens', async () => {
    const data = systemRandom(70_000);
    const { data: sealed, file } = await encryptAttachment(data, systemRandom, quiet);
    const aad = Buffer.concat([
      Buffer.from('0000000f', 'hex'),
      Buffer.from('chat.nyx/file/1'),
      Buffer.alloc(12),
    ]);
    aad.writeBigUInt64BE(70_000n, 19);
    aad.writeUInt32BE(65_536, 27);
    const open = (index: number, last: boolean, part: Uint8Array) =>
      xchacha20poly1305(fromBase64(file.key), chunkNonce(fromBase64(file.nonce), index, last), aad).decrypt(
        part,
      );
    expect(open(0, false, sealed.subarray(0, 65_552))).toEqual(data.subarray(0, 65_536));
    expect(open(1, true, sealed.subarray(65_552)).subarray(0, 70_000 - 65_536)).toEqual(
      data.subarray(65_536),
    );
  });

  it('tells of its progress and lets others run in between', async () => {
    const data = systemRandom(5_000_000);
    const reports: number[] = [];
    let pauses = 0;
    const progress: Progress = {
      report: (done, total) => reports.push(done / total),
      yieldNow: async () => {
        pauses++;
      },
    };
    const encrypted = await encryptAttachment(data, systemRandom, progress);
    expect(pauses).toBe(reports.length);
    expect(pauses).toBeGreaterThanOrEqual(5);
    expect(reports.at(-1)).toBe(1);
    expect(reports).toEqual(reports.toSorted((a, b) => a - b));
    reports.length = 0;
    same(await decryptAttachment(encrypted.data, encrypted.file, progress), data);
    expect(reports.at(-1)).toBe(1);
  });

  it('never shares a key with another', async () => {
    const data = new Uint8Array(10);
    const [a, b] = await Promise.all([1, 2].map(() => encryptAttachment(data, systemRandom, quiet)));
    expect(a?.file.key).not.toBe(b?.file.key);
    expect(a?.data).not.toEqual(b?.data);
  });
});

describe('a file that is not what was sent', () => {
  const made = () => encryptAttachment(systemRandom(200_000), systemRandom, quiet);

  it('is refused with a chunk moved, dropped, repeated or changed', async () => {
    const { data, file } = await made();
    const step = 65_536 + 16;
    const chunk = (i: number) => data.subarray(i * step, (i + 1) * step);
    const last = data.subarray(3 * step);
    const join = (...parts: Uint8Array[]) => Uint8Array.from(Buffer.concat(parts));
    const refused = async (bad: Uint8Array, description = file) =>
      expect(decryptAttachment(bad, description, quiet)).rejects;
    const swapped = join(chunk(1), chunk(0), chunk(2), last);
    const repeated = join(chunk(0), chunk(0), chunk(2), last);
    for (const bad of [swapped, repeated]) {
      await (await refused(bad)).toThrow('TAMPERED');
      // Whoever could also change the description's hash gains nothing.
      await (await refused(bad, { ...file, sha256: toBase64(sha256(bad)) })).toThrow('TAMPERED');
    }
    await (await refused(join(chunk(0), chunk(1), chunk(2)))).toThrow('WRONG_LENGTH');
    await (await refused(join(data, new Uint8Array(1)))).toThrow('WRONG_LENGTH');
    for (let at = 0; at < data.length; at += 9973) {
      const bad = data.slice();
      bad[at] = (bad[at] ?? 0) ^ 1;
      await (await refused(bad)).toThrow('TAMPERED');
    }
  });

  it('is refused with another description', async () => {
    const { data, file } = await made();
    const cases: [Partial<typeof file>, string][] = [
      [{ size: file.size - 1 }, 'TAMPERED'],
      [{ size: 1000 }, 'WRONG_LENGTH'],
      [{ size: -1 }, 'ATTACHMENT_TOO_LARGE'],
      [{ size: MAX_ATTACHMENT_BYTES + 1 }, 'ATTACHMENT_TOO_LARGE'],
      [{ chunk: 1 }, 'BAD_DESCRIPTION'],
      [{ chunk: 32_768 }, 'WRONG_LENGTH'],
      [{ key: toBase64(new Uint8Array(32)) }, 'TAMPERED'],
      [{ key: 'AA' }, 'BAD_DESCRIPTION'],
      [{ nonce: toBase64(new Uint8Array(16)) }, 'TAMPERED'],
      [{ nonce: '****' }, 'BAD_DESCRIPTION'],
      [{ sha256: toBase64(new Uint8Array(32)) }, 'WRONG_HASH'],
    ];
    for (const [change, code] of cases)
      await expect(decryptAttachment(data, { ...file, ...change }, quiet), code).rejects.toThrow(code);
  });
});

describe('padding of files', () => {
  it('adds at most 12 % above a kilobyte and leaves few sizes', () => {
    const sizes = new Set<number>();
    for (let size = 1025; size < 2_000_000; size += 997) {
      const padded = paddedFileSize(size);
      expect(padded).toBeGreaterThanOrEqual(size);
      expect(padded / size).toBeLessThan(1.12);
      sizes.add(padded);
    }
    // 16 sizes an octave up to 64 KiB, 32 above.
    expect(sizes.size).toBeLessThanOrEqual(6 * 16 + 5 * 32);
    expect(paddedFileSize(0)).toBe(paddedFileSize(1024));
  });
});
