import { expect, test } from 'vitest';
import { manifestSchema, type ManifestInput } from './manifest.ts';
import { comparePermissions } from './permissions.ts';

const manifest: ManifestInput = {
  id: 'org.example.reports',
  version: '1.0.0',
  sdk: '^0.1.0',
  name: 'Reports',
  entry: { server: 'src/server.ts' },
  contributes: {
    server: {
      checks: { checkEvent: { onFailure: 'closed' } },
      routes: [{ method: 'GET', path: '/reports/{id}' }],
    },
  },
  permissions: ['server:events', 'server:http'],
};

test('fills in what is not said', () => {
  expect(manifestSchema.parse(manifest)).toMatchObject({
    tier: 'sandboxed',
    contributes: { client: [], server: { notices: [], routes: [{ auth: 'access_token' }] } },
  });
});

test.each([
  ['an id with upper case', { id: 'org.Example' }],
  ['an id of one word', { id: 'reports' }],
  ['an id that climbs', { id: '../etc.passwd' }],
  ['an entry outside the folder', { entry: { server: '../server.ts' } }],
  ['an absolute entry', { entry: { server: '/etc/passwd' } }],
  ['no entry', { entry: {} }],
  ['a hook that does not exist', { contributes: { server: { checks: { checkEverything: {} } } } }],
  ['a route without a slash', { contributes: { server: { routes: [{ method: 'GET', path: 'x' }] } } }],
  ['a key that nobody knows', { pemissions: [] }],
  ['a range that is none', { sdk: 'latest' }],
  ['an address as a domain', { network: ['127.0.0.1'] }],
])('refuses %s', (_what, change) => {
  expect(manifestSchema.safeParse({ ...manifest, ...change }).success).toBe(false);
});

test('tells missing and unneeded permissions', () => {
  const parsed = manifestSchema.parse({ ...manifest, permissions: ['server:http', 'server:media'] });
  expect(comparePermissions(parsed)).toEqual({ missing: ['server:events'], unused: ['server:media'] });
});

test('scopes permissions of the client', () => {
  const parsed = manifestSchema.parse({
    ...manifest,
    contributes: {
      client: [{ point: 'message-renderer', id: 'poll', title: 'Poll', scope: 'org.example.poll' }],
    },
    permissions: ['events:read:org.example.poll'],
  });
  expect(comparePermissions(parsed)).toEqual({ missing: [], unused: [] });
});
