import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await createTestServer();
});
afterAll(() => server.close());

const BASE = '/_matrix/client/v3/pushrules';

it('serves, edits and forgets push rules', async () => {
  const user = await server.register('ruler');
  expect((await user.ok('GET', `${BASE}/`)).global.override[0].rule_id).toBe('.m.rule.master');
  expect((await user.ok('GET', `${BASE}/global/`)).underride).toHaveLength(5);

  const cake = `${BASE}/global/content/cake`;
  await user.ok('PUT', cake, { pattern: 'cake*lie', actions: ['notify'] });
  expect(await user.ok('GET', cake)).toEqual({
    rule_id: 'cake',
    default: false,
    enabled: true,
    pattern: 'cake*lie',
    actions: ['notify'],
  });
  await user.ok('PUT', `${cake}/enabled`, { enabled: false });
  expect(await user.ok('GET', `${cake}/enabled`)).toEqual({ enabled: false });
  await user.ok('PUT', `${BASE}/global/underride/.m.rule.message/actions`, { actions: [] });
  expect(await user.ok('GET', `${BASE}/global/underride/.m.rule.message/actions`)).toEqual({ actions: [] });
  const data = await user.ok('GET', `/_matrix/client/v3/user/${user.userId}/account_data/m.push_rules`);
  expect(data.global.content).toHaveLength(1);
  await user.ok('DELETE', cake);

  const status = async (method: string, path: string, body?: object) =>
    (await user.request(method, `${BASE}${path}`, body === undefined ? {} : { body })).status;
  expect(await status('GET', '/global/content/cake')).toBe(404);
  expect(await status('DELETE', '/global/content/cake')).toBe(404);
  expect(await status('PUT', '/global/content/none/enabled', { enabled: true })).toBe(404);
  expect(await status('PUT', '/global/content/x', { actions: ['notify'] })).toBe(400);
  expect(await status('PUT', '/global/override/.x', { actions: [] })).toBe(400);
  expect(await status('PUT', '/global/override/x?before=none', { actions: [] })).toBe(400);
  expect(await status('GET', '/global/unknown/x')).toBe(400);
});

it('loses no edit of several at once', async () => {
  const user = await server.register('busy');
  const names = Array.from({ length: 6 }, (_, index) => `rule${index}`);
  await Promise.all(
    names.map((name) => user.ok('PUT', `${BASE}/global/override/${name}`, { actions: [], conditions: [] })),
  );
  const { override } = await user.ok('GET', `${BASE}/global/`);
  const found = (override as { rule_id: string }[])
    .map(({ rule_id: id }) => id)
    .filter((id) => id.startsWith('rule'));
  expect(found.toSorted()).toEqual(names);
});
