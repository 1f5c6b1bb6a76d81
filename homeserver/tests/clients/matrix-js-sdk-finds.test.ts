import {
  ConditionKind,
  PushRuleActionName,
  PushRuleKind,
  Visibility,
  type MatrixClient,
} from 'matrix-js-sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestServer, type TestServer } from '../../src/testing/create-test-server.ts';
import { sdkFor, type Sdk } from './sdk.ts';

let server: TestServer;
let sdk: Sdk;
let alice: MatrixClient;
let bob: MatrixClient;

beforeAll(async () => {
  server = await createTestServer();
  sdk = sdkFor(server);
  alice = await sdk.register('alice');
  bob = await sdk.register('bob');
}, 120_000);
afterAll(async () => {
  sdk.stop();
  await server.close();
});

/** Every answer the clients got was one that the specification allows. */
const checked = (): void => expect(sdk.problems).toEqual([]);

it('searches messages, page by page', async () => {
  const { room_id: room } = await alice.createRoom({ name: 'Harvest' });
  for (let number = 0; number < 12; number += 1) await alice.sendTextMessage(room, `pumpkin ${number}`);
  const found = await alice.searchRoomEvents({ term: 'pumpkin' });
  expect([found.count, found.results.length]).toEqual([12, 10]);
  const more = await alice.backPaginateRoomEventsSearch(found);
  expect(more.results).toHaveLength(12);
  expect((await bob.searchMessageText({ query: 'pumpkin' })).search_categories.room_events.count).toBe(0);
  checked();
});

it('finds people and public rooms', async () => {
  const { room_id: room } = await bob.createRoom({
    name: 'Open orchard',
    visibility: Visibility.Public,
    preset: 'public_chat' as never,
    room_alias_name: 'orchard',
  });
  await bob.setDisplayName('Bob Gardener');
  await expect
    .poll(async () => (await alice.searchUserDirectory({ term: 'gardener' })).results, { timeout: 20_000 })
    .toEqual([{ user_id: bob.getUserId(), display_name: 'Bob Gardener' }]);
  const rooms = await alice.publicRooms({ filter: { generic_search_term: 'orchard' } });
  expect(rooms.chunk.map(({ room_id: id }) => id)).toEqual([room]);
  expect((await alice.getRoomIdForAlias('#orchard:localhost')).room_id).toBe(room);
  checked();
});

it('keeps files and hands out their thumbnails', async () => {
  const { default: sharp } = await import('sharp');
  const picture = await sharp({ create: { width: 200, height: 100, channels: 3, background: 'green' } })
    .png()
    .toBuffer();
  const { content_uri: uri } = await alice.uploadContent(new Blob([new Uint8Array(picture)]), {
    type: 'image/png',
    name: 'field.png',
  });
  const get = async (address: string | null) =>
    fetch(address ?? '', { headers: { authorization: `Bearer ${bob.getAccessToken() ?? ''}` } });
  const whole = await get(bob.mxcUrlToHttp(uri, undefined, undefined, undefined, false, true, true));
  expect(Buffer.from(await whole.arrayBuffer()).equals(picture)).toBe(true);
  const small = await get(bob.mxcUrlToHttp(uri, 32, 32, 'crop', false, true, true));
  const { width, height } = await sharp(Buffer.from(await small.arrayBuffer())).metadata();
  expect([width, height]).toEqual([32, 32]);
  expect((await bob.getMediaConfig(true))['m.upload.size']).toBeGreaterThan(0);
  checked();
});

it('sets push rules and pushers', async () => {
  await alice.addPushRule('global', PushRuleKind.Override, 'chat.example.quiet', {
    conditions: [{ kind: ConditionKind.EventMatch, key: 'content.body', pattern: 'quiet' }],
    actions: [],
  });
  await alice.setPushRuleEnabled('global', PushRuleKind.Override, 'chat.example.quiet', false);
  await alice.setPushRuleActions('global', PushRuleKind.Override, 'chat.example.quiet', [
    PushRuleActionName.Notify,
  ]);
  const rules = (await alice.getPushRules()).global.override ?? [];
  expect(rules.find(({ rule_id: id }) => id === 'chat.example.quiet')).toMatchObject({
    enabled: false,
    actions: ['notify'],
  });
  await alice.deletePushRule('global', PushRuleKind.Override, 'chat.example.quiet');
  const pusher = {
    kind: 'http',
    app_id: 'chat.example',
    pushkey: 'key',
    app_display_name: 'Example',
    device_display_name: 'Phone',
    lang: 'en',
    data: { url: 'https://push.example/_matrix/push/v1/notify', format: 'event_id_only' },
  };
  await alice.setPusher({ ...pusher, append: false });
  // The SDK adds what it thinks of unstable features.
  expect((await alice.getPushers()).pushers).toEqual([expect.objectContaining(pusher)]);
  await alice.removePusher('key', 'chat.example');
  expect((await alice.getPushers()).pushers).toEqual([]);
  checked();
});
