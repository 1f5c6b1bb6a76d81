import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

import { build } from 'vite';

import type { BenchArea } from '../harness.ts';

const WORKER = fileURLToPath(new URL('../../src/workers/crypto.worker.ts', import.meta.url));

/** Size of the crypto worker as the product builds it, libsodium included, all its chunks together. */
export const workerSizeArea: BenchArea = async () => {
  const built = await build({
    configFile: false,
    logLevel: 'silent',
    build: { target: 'es2024', write: false, rolldownOptions: { input: WORKER } },
  });
  const outputs = [built].flat().flatMap((result) => ('output' in result ? result.output : []));
  const bytes = outputs.reduce(
    (sum, file) => sum + gzipSync(file.type === 'chunk' ? file.code : file.source, { level: 9 }).length,
    0,
  );
  return [{ key: 'worker_gzip_kb', value: bytes / 1024, unit: 'kB', target: { atMost: 260 } }];
};
