import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '@nyx/config/schema.ts';
import { systemPlatform } from '../src/main.ts';
import { bootServices } from '../src/cli/boot.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/observability/logger.ts';
import { benchClaims } from './keys/claims.ts';
import { benchRotation } from './keys/rotation.ts';
import { benchToDevice } from './keys/to-device.ts';

/**
 * `npm run bench:keys -w homeserver`: what encryption costs the server. A table, then one line of JSON. `--quick` runs
 * a tenth of everything, to see that it runs.
 */
const quick = process.argv.includes('--quick');
const scale = quick ? 0.1 : 1;

const folder = mkdtempSync(join(tmpdir(), 'nyx-bench-'));
try {
  await using booted = await bootServices(
    configSchema.parse({
      server: { dataDir: folder, bind: ['127.0.0.1'], port: 0, webClient: { enabled: false } },
      rateLimits: { enabled: false },
      registration: { open: true, minPasswordLength: 1 },
    }),
    () => undefined,
  );
  const logger = createLogger('error', { write: (line) => void process.stderr.write(line) });
  await using server = await createServer(booted.config, {
    ...(await systemPlatform(booted.config)),
    logger,
  });
  const [url = ''] = await server.listen();
  const { foundation } = server.context;
  const claims = await benchClaims(foundation, Math.round(8_000 * scale));
  const toDevice = await benchToDevice(foundation, Math.round(20_000 * scale));
  const rotation = await benchRotation(url, foundation, {
    members: Math.round(1_000 * scale),
    devices: Math.round(2_500 * scale),
  });
  const rows: readonly (readonly [string, number, string])[] = [
    ['claims with 32 claimers', claims.claimsPerSecond, '/s'],
    ['plain findOneAndDelete', claims.plainPerSecond, '/s'],
    ['ratio (>= 0.6)', claims.claimsPerSecond / claims.plainPerSecond, ''],
    ['keys given twice (0)', claims.twice, ''],
    ['to-device, in and out (>= 2,000)', toDevice, '/s'],
    ['rotation fan-out (< 5,000)', rotation.milliseconds, 'ms'],
    ['API p99 meanwhile (< 150)', rotation.latencyP99, 'ms'],
  ];
  for (const [name, value, unit] of rows)
    console.log(`${name.padEnd(36)} ${value.toFixed(2).padStart(12)} ${unit}`);
  console.log(
    JSON.stringify({
      claims_per_s: Math.round(claims.claimsPerSecond),
      claims_ratio: Number((claims.claimsPerSecond / claims.plainPerSecond).toFixed(3)),
      to_device_per_s: Math.round(toDevice),
      rotation_fanout_ms: Math.round(rotation.milliseconds),
      claims_twice: claims.twice,
      rotation_api_p99_ms: Math.round(rotation.latencyP99),
    }),
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
