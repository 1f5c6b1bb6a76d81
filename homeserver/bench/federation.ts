import { rmSync } from 'node:fs';
import { configSchema } from '@nyx/config/schema.ts';
import { bootServices } from '../src/cli/boot.ts';
import { systemPlatform } from '../src/main.ts';
import { createLogger } from '../src/observability/logger.ts';
import { createServer } from '../src/server.ts';
import { benchFanOut } from './federation/fan-out.ts';
import { benchInbound } from './federation/inbound.ts';
import { benchJoin } from './federation/join.ts';
import { createNetwork, registerUser } from './federation/peers.ts';

/**
 * `npm run bench:federation -w homeserver`: what other servers cost. Both sides run in this process, on one core. A
 * table, then one line of JSON. `--quick` runs a tenth of everything, to see that it runs.
 */
const quick = process.argv.includes('--quick');
const scale = quick ? 0.1 : 1;

const network = await createNetwork();
try {
  await using booted = await bootServices(configSchema.parse(network.config), () => undefined);
  const logger = createLogger('error', { write: (line) => void process.stderr.write(line) });
  const platform = await systemPlatform(booted.config, 'stderr');
  await using server = await createServer(booted.config, { ...platform, logger });
  const [url = ''] = await server.listen();
  const alice = await registerUser(url, 'alice');
  const join = await benchJoin(network, alice, Math.round(1_000 * scale));
  const inbound = await benchInbound(network, alice, Math.round(3_000 * scale));
  const fanOut = await benchFanOut(network, alice, Math.round(50 * scale));
  const rows: readonly (readonly [string, number, string])[] = [
    ['inbound events (>= 300)', inbound, '/s'],
    ['fan-out of one message', fanOut.milliseconds, 'ms'],
    ['  sends', fanOut.sends, ''],
    ['  signatures (1)', fanOut.signatures, ''],
    ['join: first messages (< 3,000)', join.firstMessages, 'ms'],
    ['join: full state (< 20,000)', join.fullState, 'ms'],
  ];
  for (const [name, value, unit] of rows)
    console.log(`${name.padEnd(36)} ${value.toFixed(2).padStart(12)} ${unit}`);
  console.log(
    JSON.stringify({
      inbound_pdus_per_s: Math.round(inbound),
      fan_out_ms: Math.round(fanOut.milliseconds),
      fan_out_sends: fanOut.sends,
      fan_out_signatures: fanOut.signatures,
      join_first_messages_ms: Math.round(join.firstMessages),
      join_full_state_ms: Math.round(join.fullState),
    }),
  );
} finally {
  rmSync(network.folder, { recursive: true, force: true });
}
