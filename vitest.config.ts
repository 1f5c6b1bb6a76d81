import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { SkipReporter } from './scripts/skip-reporter.ts';

const isCi = process.env.CI === 'true';

/** Starts one MongoDB and one Redis per run, for the projects whose tests need them. */
const services = fileURLToPath(new URL('homeserver/src/testing/services-setup.ts', import.meta.url));

const project = (
  name: string,
  root: string,
  globalSetup: string[] = [],
  include: string[] = ['src/**/*.test.ts', 'tests/**/*.test.ts'],
) => ({
  extends: true as const,
  root,
  test: {
    name,
    include,
    environment: 'node' as const,
    globalSetup,
  },
});

export default defineConfig({
  test: {
    reporters: isCi ? ['default', new SkipReporter()] : ['default'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // The default of one second is too short for a machine that is busy with other tests.
    expect: { poll: { timeout: 25_000, interval: 50 } },
    projects: [
      project('config', 'config'),
      project('federation', 'federation'),
      project('plugin-sdk', 'plugins/sdk'),
      project('plugin-samples', 'plugins/samples', [], ['*/src/**/*.test.ts']),
      project('private-profiles', 'plugins/private-profiles'),
      project('webrtc-calls', 'plugins/webrtc-calls'),
      project('homeserver', 'homeserver', [services]),
      project('client', 'client'),
      // Minutes with a real Synapse: `npm run test:interop`.
      ...(process.env.NYX_TEST_INTEROP === undefined
        ? []
        : [project('interop', 'homeserver/interop', [services], ['*.test.ts'])]),
      { extends: true, test: { name: 'tools', include: ['scripts/**/*.test.ts'], environment: 'node' } },
    ],
  },
});
