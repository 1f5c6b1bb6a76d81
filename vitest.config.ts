import { defineConfig } from 'vitest/config';

const project = (name: string, root: string) => ({
  extends: true as const,
  root,
  test: { name, include: ['src/**/*.test.ts', 'tests/**/*.test.ts'], environment: 'node' },
});

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 60_000,
    projects: [
      project('config', 'config'),
      project('federation', 'federation'),
      project('plugin-sdk', 'plugins/sdk'),
      project('homeserver', 'homeserver'),
      project('client', 'client'),
    ],
  },
});
