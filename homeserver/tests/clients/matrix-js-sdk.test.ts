import {
  ClientEvent,
  Direction,
  EventType,
  Filter,
  JoinRule,
  MatrixError,
  MsgType,
  NotificationCountType,
  Preset,
  PushRuleActionName,
  PushRuleKind,
  ReceiptType,
  RelationType,
  ThreadFilterType,
  Visibility,
  type MatrixClient,
  type MatrixEvent,
  type ReceivedToDeviceMessage,
} from 'matrix-js-sdk';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { createTestServer, type TestServer } from '../../src/testing/create-test-server.ts';
import { PASSWORD, refusal, sdkFor, started, synced, type Sdk } from './sdk.ts';

let server: TestServer;
let sdk: Sdk;
let alice: MatrixClient;
let bob: MatrixClient;

beforeAll(async () => {
  // Parts of the SDK log past the logger they are given.
  for (const level of ['debug', 'info', 'trace'] as const)
    vi.spyOn(console, level).mockImplementation(() => undefined);
  const { warn } = console;
  vi.spyOn(console, 'warn').mockImplementation((...args: unknown[]) => {
    if (String(args[0]).startsWith('[contract]')) warn(...args);
  });
  server = await createTestServer();
  sdk = sdkFor(server);
  alice = await started(await sdk.register('alice'));
  bob = await started(await sdk.register('bob'));
});
afterEach(() => {
  expect(sdk.problems).toEqual([]);
  expect(sdk.seen()).toBeGreaterThan(0);
});
afterAll(async () => {
  sdk.stop();
  await server.close();
});

const idOf = (client: MatrixClient): string => client.getSafeUserId();

/** A room of alice's that bob joined, known to both clients. */
const sharedRoom = async (name: string): Promise<string> => {
  const { room_id: room } = await alice.createRoom({
    name,
    preset: Preset.PrivateChat,
    invite: [idOf(bob)],
  });
  await synced(bob, 'the invite', () => bob.getRoom(room)?.getMyMembership() === 'invite');
  await bob.joinRoom(room);
  await synced(bob, 'the join', () => bob.getRoom(room)?.getMyMembership() === 'join');
  await synced(alice, 'the join', () => alice.getRoom(room)?.getMember(idOf(bob))?.membership === 'join');
  return room;
};

const eventIn = (client: MatrixClient, room: string, eventId: string): Promise<MatrixEvent> =>
  synced(client, `event ${eventId}`, () => {
    const event = client.getRoom(room)?.findEventById(eventId);
    return event?.status === null ? event : undefined;
  });

const text = (body: string) => ({ msgtype: MsgType.Text, body }) as const;

it('registers in stages, logs in and out, refreshes tokens', async () => {
  const anonymous = sdk.client();
  expect(await anonymous.isUsernameAvailable('carol')).toBe(true);
  expect((await anonymous.loginFlows()).flows.map(({ type }) => type)).toContain('m.login.password');
  const challenge = await anonymous
    .registerRequest({ username: 'carol', password: PASSWORD })
    .catch((error: unknown) => error);
  if (!(challenge instanceof MatrixError)) throw new Error('registration asked for no stage');
  expect(challenge.httpStatus).toBe(401);
  const { session } = challenge.data as { session: string };
  const { user_id: userId } = await anonymous.registerRequest({
    username: 'carol',
    password: PASSWORD,
    auth: { type: 'm.login.dummy', session },
  });
  expect(userId).toBe(`@carol:${server.config.server.name}`);
  expect(await anonymous.isUsernameAvailable('carol')).toBe(false);

  expect(await refusal(sdk.logIn('carol', 'wrong'))).toBe('403 M_FORBIDDEN');
  const login = await anonymous.loginRequest({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'carol' },
    password: PASSWORD,
    refresh_token: true,
    initial_device_display_name: 'Telescope',
  });
  if (login.refresh_token === undefined) throw new Error('no refresh token');
  const carol = sdk.client({
    userId,
    deviceId: login.device_id,
    accessToken: login.access_token,
    refreshToken: login.refresh_token,
  });
  expect(await carol.whoami()).toMatchObject({ user_id: userId, device_id: login.device_id });
  const renewed = await carol.refreshToken(login.refresh_token);
  carol.setAccessToken(renewed.access_token);
  const { login_token: loginToken } = await carol.requestLoginToken({
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'carol' },
    password: PASSWORD,
    session: await carol.requestLoginToken().then(
      () => '',
      (error: unknown) => (error instanceof MatrixError ? (error.data.session as string) : ''),
    ),
  });
  const second = await sdk.client().loginRequest({ type: 'm.login.token', token: loginToken });
  expect(second.user_id).toBe(userId);
  await carol.logout();
  expect(await refusal(carol.whoami())).toBe('401 M_UNKNOWN_TOKEN');
});

it('changes a password and deactivates an account', async () => {
  const dora = await sdk.register('dora');
  const auth = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: idOf(dora) },
    password: PASSWORD,
  } as const;
  expect(await refusal(dora.setPassword({ ...auth, password: 'wrong' }, 'new pass'))).toBe('401 M_FORBIDDEN');
  await dora.setPassword(auth, 'a quite different one');
  expect(await refusal(sdk.logIn('dora'))).toBe('403 M_FORBIDDEN');
  await sdk.logIn('dora', 'a quite different one');
  await dora.deactivateAccount({ ...auth, password: 'a quite different one' }, true);
  expect(await refusal(sdk.logIn('dora', 'a quite different one'))).toMatch(/^403 /);
});

it('lists, renames and deletes devices', async () => {
  const login = await sdk.logIn('alice');
  const devices = await alice.getDevices();
  expect(devices.devices.map(({ device_id: id }) => id)).toEqual(
    expect.arrayContaining([login.device_id, alice.getDeviceId()]),
  );
  await alice.setDeviceDetails(login.device_id, { display_name: 'Kitchen' });
  expect((await alice.getDevice(login.device_id)).display_name).toBe('Kitchen');
  expect(await refusal(alice.deleteDevice(login.device_id))).toMatch(/^401 /);
  await alice.deleteMultipleDevices([login.device_id], {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: idOf(alice) },
    password: PASSWORD,
  });
  expect(await refusal(alice.getDevice(login.device_id))).toBe('404 M_NOT_FOUND');
});

it('creates a room, invites, joins, leaves, kicks, bans, unbans and forgets', async () => {
  const room = await sharedRoom('Garden');
  const seenBy = (client: MatrixClient, membership: string) =>
    synced(client, membership, () => client.getRoom(room)?.getMember(idOf(bob))?.membership === membership);
  expect(bob.getRoom(room)?.name).toBe('Garden');
  await alice.sendTextMessage(room, 'before');
  await bob.leave(room);
  await seenBy(alice, 'leave');
  await seenBy(bob, 'leave');
  expect(await refusal(bob.joinRoom(room))).toBe('403 M_FORBIDDEN');
  await alice.invite(room, idOf(bob));
  await seenBy(bob, 'invite');
  await bob.joinRoom(room);
  await seenBy(alice, 'join');
  await alice.kick(room, idOf(bob), 'enough');
  await seenBy(bob, 'leave');
  expect(bob.getRoom(room)?.getMember(idOf(bob))?.events.member?.getContent().reason).toBe('enough');
  await alice.ban(room, idOf(bob), 'for good');
  await seenBy(alice, 'ban');
  await seenBy(bob, 'ban');
  expect(await refusal(alice.invite(room, idOf(bob)))).toBe('403 M_FORBIDDEN');
  await alice.unban(room, idOf(bob));
  await seenBy(alice, 'leave');
  await seenBy(bob, 'leave');
  await bob.forget(room);
  expect(bob.getRoom(room)).toBeNull();
  expect((await alice.getJoinedRooms()).joined_rooms).toContain(room);
  expect(Object.keys((await alice.getJoinedRoomMembers(room)).joined)).toEqual([idOf(alice)]);
  const members = await alice.members(room);
  expect((members.chunk ?? []).map(({ state_key: user }) => user).sort()).toEqual(
    [idOf(alice), idOf(bob)].sort(),
  );
});

it('keeps power levels, name, topic and upgrades', async () => {
  const room = await sharedRoom('Levels');
  expect(await refusal(bob.setRoomTopic(room, 'mine'))).toBe('403 M_FORBIDDEN');
  await alice.setPowerLevel(room, idOf(bob), 50);
  await synced(bob, 'the power', () => bob.getRoom(room)?.getMember(idOf(bob))?.powerLevel === 50);
  await bob.setRoomTopic(room, 'Ours', '<b>Ours</b>');
  await bob.setRoomName(room, 'Renamed');
  await synced(alice, 'the name', () => alice.getRoom(room)?.name === 'Renamed');
  expect(await alice.getStateEvent(room, 'm.room.topic', '')).toMatchObject({ topic: 'Ours' });
  expect((await alice.roomState(room)).map(({ type }) => type)).toContain('m.room.power_levels');
  const { replacement_room: next } = await alice.upgradeRoom(room, '11');
  await synced(alice, 'the new room', () => alice.getRoom(next)?.findPredecessor()?.roomId === room);
});

it('publishes rooms under aliases and in the directory', async () => {
  const { room_id: room } = await alice.createRoom({
    name: 'Observatory of Nyx',
    preset: Preset.PublicChat,
    visibility: Visibility.Public,
    room_alias_name: 'observatory',
  });
  const host = server.config.server.name;
  const first = `#observatory:${host}`;
  const other = `#stars:${host}`;
  await alice.createAlias(other, room);
  expect(await refusal(alice.createAlias(other, room))).toBe('409 M_UNKNOWN');
  expect(await refusal(bob.createAlias(`#mine:${host}`, room))).toBe('403 M_FORBIDDEN');
  expect((await bob.getRoomIdForAlias(other)).room_id).toBe(room);
  expect((await alice.getLocalAliases(room)).aliases.sort()).toEqual([first, other].sort());
  const found = await bob.publicRooms({ limit: 5, filter: { generic_search_term: 'observatory' } });
  expect(found.chunk).toMatchObject([{ room_id: room, canonical_alias: first, num_joined_members: 1 }]);
  expect((await bob.getRoomSummary(first)).room_id).toBe(room);
  expect((await bob.joinRoom(first)).roomId).toBe(room);
  await synced(bob, 'the alias', () => bob.getRoom(room)?.getCanonicalAlias() === first);
  await alice.deleteAlias(other);
  expect(await refusal(bob.getRoomIdForAlias(other))).toBe('404 M_NOT_FOUND');
  await alice.setRoomDirectoryVisibility(room, Visibility.Private);
  expect((await bob.getRoomDirectoryVisibility(room)).visibility).toBe('private');
  expect((await bob.publicRooms({ filter: { generic_search_term: 'observatory' } })).chunk).toEqual([]);
});

it('walks a space', async () => {
  const { room_id: space } = await alice.createRoom({
    name: 'Space',
    creation_content: { type: 'm.space' },
  });
  const { room_id: child } = await alice.createRoom({ name: 'Child' });
  await alice.sendStateEvent(space, EventType.SpaceChild, { via: [server.config.server.name] }, child);
  const { rooms } = await alice.getRoomHierarchy(space);
  expect(rooms.map(({ room_id: room }) => room)).toEqual([space, child]);
});

it('sends, edits, reacts, relates and redacts', async () => {
  const room = await sharedRoom('Talk');
  const { event_id: first } = await alice.sendTextMessage(room, 'helo');
  expect((await eventIn(bob, room, first)).getContent().body).toBe('helo');
  const { event_id: edit } = await alice.sendMessage(room, {
    ...text('* hello'),
    'm.new_content': text('hello'),
    'm.relates_to': { rel_type: RelationType.Replace, event_id: first },
  });
  await synced(bob, 'the edit', () => bob.getRoom(room)?.findEventById(first)?.getContent().body === 'hello');
  const { event_id: reaction } = await bob.sendEvent(room, EventType.Reaction, {
    'm.relates_to': { rel_type: RelationType.Annotation, event_id: first, key: '👍' },
  });
  await eventIn(alice, room, reaction);
  const reactions = await alice.relations(room, first, RelationType.Annotation, EventType.Reaction);
  expect(reactions.events.map((event) => event.getId())).toEqual([reaction]);
  const edits = await alice.fetchRelations(room, first, RelationType.Replace, EventType.RoomMessage);
  expect(edits.chunk.map(({ event_id: id }) => id)).toEqual([edit]);
  expect((await bob.fetchRoomEvent(room, first)).unsigned?.['m.relations']).toHaveProperty(['m.replace']);
  expect(
    await refusal(
      bob.sendEvent(room, EventType.Reaction, {
        'm.relates_to': { rel_type: RelationType.Annotation, event_id: first, key: '👍' },
      }),
    ),
  ).toBe('400 M_DUPLICATE_ANNOTATION');
  await bob.redactEvent(room, reaction, undefined, { reason: 'not that good' });
  await synced(alice, 'the redaction', () => alice.getRoom(room)?.findEventById(reaction)?.isRedacted());
  const gone = await alice.relations(room, first, RelationType.Annotation, EventType.Reaction);
  expect(gone.events).toEqual([]);
  expect(await refusal(bob.redactEvent(room, first))).toBe('403 M_FORBIDDEN');
});

it('talks in threads, lists them and counts what is unread in them', async () => {
  const room = await sharedRoom('Threads');
  const { event_id: root } = await alice.sendTextMessage(room, 'root');
  await eventIn(bob, room, root);
  const { event_id: reply } = await alice.sendMessage(room, root, text('in the thread'));
  const thread = await synced(bob, 'the thread', () => bob.getRoom(room)?.getThread(root));
  await synced(bob, 'the reply', () => thread.findEventById(reply));
  await synced(
    bob,
    'its count',
    () => bob.getRoom(room)?.getThreadUnreadNotificationCount(root, NotificationCountType.Total) === 1,
  );
  const inThread = await synced(bob, 'the reply', () => thread.findEventById(reply));
  await bob.sendReadReceipt(inThread);
  await synced(
    bob,
    'the count to go',
    () => bob.getRoom(room)?.getThreadUnreadNotificationCount(root, NotificationCountType.Total) === 0,
  );
  const page = await bob.createThreadListMessagesRequest(
    room,
    null,
    10,
    Direction.Backward,
    ThreadFilterType.All,
  );
  expect(page.chunk.map(({ event_id: id }) => id)).toEqual([root]);
  const mine = await bob.createThreadListMessagesRequest(
    room,
    null,
    10,
    Direction.Backward,
    ThreadFilterType.My,
  );
  expect(mine.chunk).toEqual([]);
});

it('shows receipts, read markers, unread counts and typing', async () => {
  const room = await sharedRoom('Attention');
  const { event_id: first } = await alice.sendTextMessage(room, 'one');
  const { event_id: second } = await alice.sendTextMessage(room, 'two bob');
  const event = await eventIn(bob, room, first);
  const last = await eventIn(bob, room, second);
  await synced(bob, 'two unread', () => bob.getRoom(room)?.getUnreadNotificationCount() === 2);
  await bob.sendReadReceipt(event, ReceiptType.Read, true);
  await synced(alice, 'the receipt', () => alice.getRoom(room)?.hasUserReadEvent(idOf(bob), first));
  await synced(bob, 'one unread', () => bob.getRoom(room)?.getUnreadNotificationCount() === 1);
  await bob.setRoomReadMarkers(room, second, undefined, last);
  await synced(bob, 'none unread', () => bob.getRoom(room)?.getUnreadNotificationCount() === 0);
  await synced(
    bob,
    'the marker',
    () => bob.getRoom(room)?.getAccountData('m.fully_read')?.getContent().event_id === second,
  );
  expect(alice.getRoom(room)?.getEventReadUpTo(idOf(bob), true)).toBe(first);
  await bob.sendTyping(room, true, 30_000);
  await synced(alice, 'typing', () => alice.getRoom(room)?.getMember(idOf(bob))?.typing);
  await bob.sendTyping(room, false, 0);
  await synced(alice, 'rest', () => alice.getRoom(room)?.getMember(idOf(bob))?.typing === false);
});

it('shares presence', async () => {
  await sharedRoom('Presence');
  await bob.setPresence({ presence: 'unavailable', status_msg: 'asleep' });
  await synced(alice, 'the status', () => alice.getUser(idOf(bob))?.presenceStatusMsg === 'asleep');
  expect(await alice.getPresence(idOf(bob))).toMatchObject({ status_msg: 'asleep' });
});

it('keeps account data, tags and ignored users', async () => {
  const room = await sharedRoom('Data');
  await alice.setAccountData(EventType.Direct, { [idOf(bob)]: [room] });
  expect(alice.getAccountData(EventType.Direct)?.getContent()).toEqual({ [idOf(bob)]: [room] });
  expect(await alice.getAccountDataFromServer(EventType.Direct)).toEqual({ [idOf(bob)]: [room] });
  await alice.setRoomAccountData(room, EventType.MarkedUnread, { unread: true });
  await synced(
    alice,
    'the room data',
    () => alice.getRoom(room)?.getAccountData(EventType.MarkedUnread)?.getContent().unread,
  );
  await alice.setRoomTag(room, 'm.favourite', { order: 0.5 });
  await synced(alice, 'the tag', () => alice.getRoom(room)?.tags['m.favourite']?.order === 0.5);
  expect((await alice.getRoomTags(room)).tags).toEqual({ 'm.favourite': { order: 0.5 } });
  await alice.deleteRoomTag(room, 'm.favourite');
  await synced(alice, 'no tag', () => alice.getRoom(room)?.tags['m.favourite'] === undefined);
  const eve = await sdk.register('eve');
  await alice.setIgnoredUsers([idOf(eve)]);
  await synced(alice, 'the list', () => alice.isUserIgnored(idOf(eve)));
  const { room_id: unwanted } = await eve.createRoom({ invite: [idOf(alice)], name: 'Unwanted' });
  // Its echo comes with a sync that began after the invite.
  await alice.setAccountData(EventType.Direct, {});
  expect(alice.getRoom(unwanted)).toBeNull();
  await alice.setIgnoredUsers([]);
});

it('edits push rules', async () => {
  const room = await sharedRoom('Rules');
  await alice.addPushRule('global', PushRuleKind.ContentSpecific, 'chat.nyx.star', {
    pattern: 'star',
    actions: [PushRuleActionName.Notify],
  });
  await synced(alice, 'the rule', () =>
    alice.pushRules?.global.content?.some(({ rule_id: rule }) => rule === 'chat.nyx.star'),
  );
  await alice.setPushRuleEnabled('global', PushRuleKind.ContentSpecific, 'chat.nyx.star', false);
  await alice.setPushRuleActions('global', PushRuleKind.ContentSpecific, 'chat.nyx.star', []);
  const rules = await alice.getPushRules();
  expect(rules.global.content?.find(({ rule_id: rule }) => rule === 'chat.nyx.star')).toMatchObject({
    enabled: false,
    actions: [],
  });
  await alice.deletePushRule('global', PushRuleKind.ContentSpecific, 'chat.nyx.star');
  await alice.setRoomMutePushRule('global', room, true);
  await synced(alice, 'the mute', () => alice.getRoomPushRule('global', room) !== undefined);
});

it('pages back with filters and finds events by time', async () => {
  const room = await sharedRoom('Archive');
  const ids: string[] = [];
  for (let index = 0; index < 25; index++) {
    const { event_id: id } = await alice.sendTextMessage(room, `page ${index}`);
    ids.push(id);
  }
  const late = sdk.client({
    userId: idOf(bob),
    timelineSupport: true,
    ...(await sdk
      .logIn('bob')
      .then((login) => ({ accessToken: login.access_token, deviceId: login.device_id }))),
  });
  await started(late, { initialSyncLimit: 5, lazyLoadMembers: true });
  const seen = late.getRoom(room);
  if (seen === null) throw new Error('the room is not there');
  expect(seen.getLiveTimeline().getEvents()).toHaveLength(5);
  while (seen.getLiveTimeline().getPaginationToken(Direction.Backward) !== null)
    await late.scrollback(seen, 10);
  const bodies = seen
    .getLiveTimeline()
    .getEvents()
    .filter((event) => event.getType() === 'm.room.message');
  expect(bodies.map((event) => event.getId())).toEqual(ids);
  expect(await seen.loadMembersIfNeeded()).toBe(true);
  expect(seen.getJoinedMemberCount()).toBe(2);
  const middle = ids[12] ?? '';
  const around = await late.getEventTimeline(seen.getUnfilteredTimelineSet(), middle);
  expect(around?.getEvents().map((event) => event.getId())).toContain(middle);
  expect((await late.timestampToEvent(room, 0, Direction.Forward)).event_id).toBe(
    seen.getLiveTimeline().getEvents()[0]?.getId(),
  );
  const filter = await late.createFilter({ room: { timeline: { types: ['m.room.topic'], limit: 3 } } });
  const filterId = filter.getFilterId() ?? '';
  expect((await late.getFilter(idOf(bob), filterId, false)).getDefinition()).toEqual(filter.getDefinition());
  const named = Filter.fromJson(idOf(bob), '', { room: { timeline: { not_types: ['m.room.message'] } } });
  const page = await late.createMessagesRequest(room, null, 50, Direction.Backward, named);
  expect(page.chunk.some(({ type }) => type === 'm.room.message')).toBe(false);
});

it('keeps profiles', async () => {
  const room = await sharedRoom('Faces');
  await bob.setDisplayName('Robert the Astronomer');
  await bob.setAvatarUrl(`mxc://${server.config.server.name}/face`);
  await synced(
    alice,
    'the name',
    () => alice.getRoom(room)?.getMember(idOf(bob))?.rawDisplayName === 'Robert the Astronomer',
  );
  expect(await alice.getProfileInfo(idOf(bob))).toMatchObject({
    displayname: 'Robert the Astronomer',
    avatar_url: `mxc://${server.config.server.name}/face`,
  });
  expect(await bob.doesServerSupportExtendedProfiles()).toBe(true);
  await bob.setExtendedProfileProperty('chat.nyx.sign', 'Lyra');
  expect(await alice.getExtendedProfileProperty(idOf(bob), 'chat.nyx.sign')).toBe('Lyra');
  await bob.deleteExtendedProfileProperty('chat.nyx.sign');
  expect(await alice.getExtendedProfile(idOf(bob))).not.toHaveProperty(['chat.nyx.sign']);
});

it('knocks, and reports', async () => {
  const { room_id: room } = await alice.createRoom({
    initial_state: [{ type: 'm.room.join_rules', state_key: '', content: { join_rule: JoinRule.Knock } }],
  });
  await bob.knockRoom(room, { reason: 'let me in' });
  await synced(alice, 'the knock', () => alice.getRoom(room)?.getMember(idOf(bob))?.membership === 'knock');
  await synced(bob, 'the knock', () => bob.getRoom(room)?.getMyMembership() === 'knock');
  await alice.invite(room, idOf(bob));
  await bob.joinRoom(room);
  const { event_id: event } = await alice.sendTextMessage(room, 'rude');
  await eventIn(bob, room, event);
  await bob.reportEvent(room, event, -50, 'rude');
  await bob.reportRoom(room, 'rude');
});

it('sends to devices and hands out OpenID tokens', async () => {
  const arrived = new Promise<ReceivedToDeviceMessage>((resolve) => {
    bob.once(ClientEvent.ReceivedToDeviceMessage, resolve);
  });
  await alice.sendToDevice(
    'chat.nyx.hello',
    new Map([[idOf(bob), new Map([[bob.getDeviceId() ?? '', { word: 'hi' }]])]]),
  );
  expect((await arrived).message).toMatchObject({ sender: idOf(alice), content: { word: 'hi' } });
  expect((await alice.getOpenIdToken()).matrix_server_name).toBe(server.config.server.name);
});
