import type { ManifestInput } from '@nyx/plugin-sdk/manifest.ts';
import { SDK_VERSION } from '@nyx/plugin-sdk/version.ts';

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

const manifestOf = (name: string): ManifestInput => ({
  id: `org.example.${name}`,
  version: '0.1.0',
  sdk: `^${SDK_VERSION}`,
  name,
  entry: { server: 'src/server.ts' },
  contributes: { server: { checks: { checkEvent: { onFailure: 'open' } } } },
  permissions: ['server:events'],
});

const SERVER = `import { allow, reject } from '@nyx/plugin-sdk/server/hooks.ts';
import { defineServerPlugin } from '@nyx/plugin-sdk/server/plugin.ts';

export const plugin = defineServerPlugin({
  setup: ({ check }) => {
    check('checkEvent', ({ event }) =>
      event.content.body === 'knock knock' ? reject('M_FORBIDDEN', "Who's there?") : allow(),
    );
  },
});
`;

const TEST = `import { createTestHost } from '@nyx/plugin-sdk/server/test-host.ts';
import { expect, test } from 'vitest';
import manifest from '../plugin.json' with { type: 'json' };
import { plugin } from './server.ts';

test('asks who is there', async () => {
  const host = await createTestHost(plugin, { manifest });
  const say = (body: string) =>
    host.check('checkEvent', {
      event: { roomId: '!room:test.example', sender: '@ann:test.example', type: 'm.room.message', content: { body } },
    });
  expect(await say('knock knock')).toMatchObject({ allow: false, reason: "Who's there?" });
  expect(await say('hello')).toEqual({ allow: true });
});
`;

/** Files of a new server plugin, by path. */
export const serverTemplate = (name: string): Readonly<Record<string, string>> => ({
  'plugin.json': json(manifestOf(name)),
  'package.json': json({
    name: `nyx-plugin-${name}`,
    version: '0.1.0',
    private: true,
    type: 'module',
    scripts: { test: 'vitest run' },
    dependencies: { '@nyx/plugin-sdk': SDK_VERSION },
  }),
  'tsconfig.json': json({
    extends: '../../tsconfig.base.json',
    compilerOptions: { rootDir: '.', noEmit: true, composite: false, emitDeclarationOnly: false },
    include: ['src', 'plugin.json'],
  }),
  'src/server.ts': SERVER,
  'src/server.test.ts': TEST,
});
