import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { configSchema } from '@nyx/config/schema.ts';
import { systemPlatform } from '../src/main.ts';
import { bootServices } from '../src/cli/boot.ts';
import { createServer } from '../src/server.ts';
import { createLogger } from '../src/observability/logger.ts';
import type { ClaimFigures } from './keys/claims.ts';
import { benchClaims } from './keys/claims.ts';
import { benchClient } from './keys/http.ts';
import { benchRotation } from './keys/rotation.ts';
import { benchToDevice } from './keys/to-device.ts';

/**
 * `npm run bench:keys -w homeserver`: what encryption costs the server. A table, then one line of JSON. `--quick` runs
 * a tenth of everything, to see that it runs.
 */
const quick = process.argv.includes('--quick');
const scale = quick ? 0.1 : 1;

let claims: ClaimFigures;
let toDevice: number;
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
    ...(await systemPlatform(booted.config, 'stderr')),
    logger,
  });
  const [url = ''] = await server.listen();
  const { foundation } = server.context;
  claims = await benchClaims(foundation, Math.round(8_000 * scale));
  toDevice = await benchToDevice(benchClient(url), Math.round(20_000 * scale));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
const ratio = claims.claimsPerSecond / claims.plainPerSecond;
const bundleRatio = claims.bundlesPerSecond / claims.plainPerSecond;
const show = (rows: readonly (readonly [string, number, string])[]): void => {
  for (const [name, value, unit] of rows)
    console.log(`${name.padEnd(36)} ${value.toFixed(2).padStart(12)} ${unit}`);
};
show([
  ['claims with 32 claimers', claims.claimsPerSecond, '/s'],
  ['claims of bundles with 32 claimers', claims.bundlesPerSecond, '/s'],
  ['plain findOneAndDelete', claims.plainPerSecond, '/s'],
  ['ratio (>= 0.6)', ratio, ''],
  ['ratio of bundles (>= 0.6)', bundleRatio, ''],
  ['keys given twice (0)', claims.twice, ''],
  ['to-device, in and out (>= 2,000)', toDevice, '/s'],
]);
// After the first server has stopped: both want the machine for themselves.
const rotation = await benchRotation({
  members: Math.round(1_000 * scale),
  devices: Math.round(2_500 * scale),
});
show([
  ['rotation on two servers (< 5,000)', rotation.milliseconds, 'ms'],
  ['API p99 meanwhile (< 150)', rotation.latencyP99, 'ms'],
  ['signals too many (0)', rotation.surplus, ''],
]);
console.log(
  JSON.stringify({
    claims_per_s: Math.round(claims.claimsPerSecond),
    claims_ratio: Number(ratio.toFixed(3)),
    to_device_per_s: Math.round(toDevice),
    rotation_fanout_ms: Math.round(rotation.milliseconds),
    claims_twice: claims.twice,
    rotation_api_p99_ms: Math.round(rotation.latencyP99),
    rotation_surplus: rotation.surplus,
    bundle_claims_per_s: Math.round(claims.bundlesPerSecond),
    bundle_claims_ratio: Number(bundleRatio.toFixed(3)),
  }),
);
