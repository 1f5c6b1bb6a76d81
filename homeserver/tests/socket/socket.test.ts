import { get } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createFederation } from '../../src/testing/create-federation.ts';
import { createTestServer, type TestServer, type TestUser } from '../../src/testing/create-test-server.ts';
import { SocketClient, type Frame } from './socket-client.ts';

const v3 = '/_matrix/client/v3';
const enc = encodeURIComponent;

let server: TestServer;
let alice: TestUser;
let bob: TestUser;
let room: string;

beforeAll(async () => {
  server = await createTestServer({ config: { rooms: { presence: false } } });
  alice = await server.register('alice');
  bob = await server.register('bob');
  ({ room_id: room } = await alice.ok('POST', `${v3}/createRoom`, { preset: 'public_chat' }));
  await bob.ok('POST', `${v3}/join/${enc(room)}`, {});
});
afterAll(() => server.close());

let transactions = 0;
const say = async (body: string): Promise<string> => {
  const path = `${v3}/rooms/${enc(room)}/send/m.room.message/h${(transactions += 1)}`;
  return (await alice.ok('PUT', path, { msgtype: 'm.text', body })).event_id;
};

const timeline = (body: { rooms?: { join?: Record<string, { timeline: { events: object[] } }> } }) =>
  (body.rooms?.join?.[room]?.timeline.events ?? []) as { event_id: string; content: { body?: string } }[];

/** The next delta that has what is looked for, acknowledged like those before it. */
const deltaWith = async <T>(
  socket: SocketClient,
  pick: (body: Frame['body']) => T | undefined,
): Promise<T> => {
  for (;;) {
    const found = pick(await socket.delta());
    if (found !== undefined) return found;
  }
};

/** Ids of the next events in the room. */
const news = (socket: SocketClient): Promise<string[]> =>
  deltaWith(socket, (body) => {
    const ids = timeline(body).map(({ event_id: id }) => id);
    return ids.length > 0 ? ids : undefined;
  });

/** Waits for an event; a process that has just begun may have others to tell before. */
const arrival = (socket: SocketClient, id: string): Promise<true> =>
  deltaWith(socket, (body) => (timeline(body).some((event) => event.event_id === id) ? true : undefined));

const ephemeral = (socket: SocketClient, type: string) =>
  deltaWith(socket, (body) =>
    body.rooms?.join?.[room]?.ephemeral.events.find((event: { type: string }) => event.type === type),
  );

it('is announced', async () => {
  const { body } = await server.request('GET', '/_matrix/client/versions');
  expect(body.unstable_features['chat.nyx.socket']).toBe(true);
});

it('brings what /sync would bring, the first delta at once and the others as they happen', async () => {
  await using socket = await SocketClient.open(server, bob);
  expect(await socket.ask({ type: 'sync' })).toMatchObject({ type: 'reply', body: {} });
  const first = await socket.delta();
  const polled = await bob.ok('GET', `${v3}/sync`);
  expect(timeline(first).map((event) => event.event_id)).toEqual(
    timeline(polled).map((event) => event.event_id),
  );
  const id = await say('hello');
  const delta = await deltaWith(socket, (body) => (timeline(body).length > 0 ? body : undefined));
  expect(timeline(delta).map((event) => event.event_id)).toEqual([id]);
  // Over HTTP, the token of the socket goes on where the socket was.
  const after = await bob.ok('GET', `${v3}/sync?since=${delta.next_batch}`);
  expect(timeline(after)).toEqual([]);
});

it('takes a token from the header of the upgrade, and none from the address', async () => {
  await using known = new SocketClient(server.url, { authorization: `Bearer ${alice.token}` });
  expect(await known.next('ready')).toMatchObject({ user_id: alice.userId, device_id: alice.deviceId });
  const secrets = [alice.token, bob.token];
  for (const line of server.logLines) {
    for (const secret of secrets) expect(JSON.stringify(line)).not.toContain(secret);
  }
});

it('goes on from a token, whether of a delta that was acknowledged or of one that was not', async () => {
  const first = await SocketClient.open(server, bob);
  await first.ask({ type: 'sync' });
  const { next_batch: since } = await first.delta();
  await first[Symbol.asyncDispose]();
  const missed = [await say('one'), await say('two')];
  await using second = await SocketClient.open(server, bob);
  await second.ask({ type: 'sync', since });
  expect(timeline((await second.next('sync')).body).map(({ event_id: id }) => id)).toEqual(missed);
});

it('sends, redacts, shows typing and receipts, with the answers and errors of HTTP', async () => {
  await using socket = await SocketClient.open(server, alice);
  await using other = await SocketClient.open(server, bob);
  await other.ask({ type: 'sync' });
  await other.delta();
  const send = {
    type: 'send',
    room_id: room,
    event_type: 'm.room.message',
    txn_id: 'same',
    content: { msgtype: 'm.text', body: 'over the wire' },
  };
  const sent = await socket.ask(send);
  expect(sent).toMatchObject({ type: 'reply', body: { event_id: expect.any(String) } });
  const { event_id: id } = sent.body;
  expect(await news(other)).toEqual([id]);
  // The same transaction, over the socket and over HTTP, is the same event.
  expect((await socket.ask(send)).body.event_id).toBe(id);
  const path = `${v3}/rooms/${enc(room)}/send/m.room.message/same`;
  expect((await alice.ok('PUT', path, send.content)).event_id).toBe(id);

  expect(await socket.ask({ type: 'typing', room_id: room, typing: true, timeout: 5_000 })).toMatchObject({
    type: 'reply',
  });
  expect((await ephemeral(other, 'm.typing')).content).toEqual({ user_ids: [alice.userId] });
  await other.ask({ type: 'receipt', room_id: room, receipt_type: 'm.read', event_id: id });
  expect((await ephemeral(other, 'm.receipt')).content[id]).toBeDefined();
  const markers = { type: 'read_markers', room_id: room, 'm.fully_read': id };
  expect(await other.ask(markers)).toMatchObject({ type: 'reply' });
  expect(await socket.ask({ type: 'presence', presence: 'unavailable' })).toMatchObject({ type: 'reply' });

  const redaction = await socket.ask({ type: 'redact', room_id: room, event_id: id, txn_id: 'r' });
  expect(redaction.body.event_id).toEqual(expect.any(String));
  const errors = [
    [{ ...send, txn_id: 'x', room_id: '!nowhere:localhost' }, 404, 'M_NOT_FOUND'],
    [{ ...send, txn_id: 'x', content: 'text' }, 400, 'M_BAD_JSON'],
    [{ ...send, txn_id: 'x', content: undefined }, 400, 'M_MISSING_PARAM'],
    [{ ...send, txn_id: undefined }, 400, 'M_INVALID_PARAM'],
    [{ type: 'receipt', room_id: room, receipt_type: 'm.other', event_id: id }, 400, 'M_INVALID_PARAM'],
    [{ type: 'no such thing' }, 404, 'M_UNRECOGNIZED'],
    [{ ...send, txn_id: 'x', content: { body: 'x'.repeat(80_000) } }, 413, 'M_TOO_LARGE'],
  ] as const;
  for (const [frame, status, errcode] of errors) {
    expect(await socket.ask(frame)).toMatchObject({ type: 'error', status, errcode });
  }
});

it('keeps the order of what is sent into a room', async () => {
  await using socket = await SocketClient.open(server, alice);
  const answers = await Promise.all(
    Array.from({ length: 60 }, (_, n) =>
      socket.ask({
        type: 'send',
        room_id: room,
        event_type: 'm.room.message',
        txn_id: `order${n}`,
        content: { msgtype: 'm.text', body: `${n}` },
      }),
    ),
  );
  const ids = answers.map(({ body }) => body.event_id as string);
  const page = await bob.ok('GET', `${v3}/rooms/${enc(room)}/messages?dir=b&limit=60`);
  expect(page.chunk.map(({ event_id: id }: { event_id: string }) => id).toReversed()).toEqual(ids);
});

it('carries messages to devices, and keeps them until they are acknowledged', async () => {
  const device = await server.login(bob, 'PHONE');
  const listening = await SocketClient.open(server, device);
  await listening.ask({ type: 'sync' });
  await listening.delta();
  await using sender = await SocketClient.open(server, alice);
  const message = {
    type: 'to_device',
    event_type: 'm.test',
    txn_id: 'td1',
    messages: { [bob.userId]: { PHONE: { n: 1 } } },
  };
  expect(await sender.ask(message)).toMatchObject({ type: 'reply' });
  const { body } = await listening.next('sync');
  expect(body.to_device.events).toEqual([{ sender: alice.userId, type: 'm.test', content: { n: 1 } }]);
  // Not acknowledged: over a second connection it comes again.
  await listening[Symbol.asyncDispose]();
  await using again = await SocketClient.open(server, device);
  await again.ask({ type: 'sync' });
  const repeated = await again.next('sync');
  expect(repeated.body.to_device.events.length).toBe(1);
  again.send({ type: 'ack', next_batch: repeated.body.next_batch });
  await again.ask({ type: 'ping' });
  const inbox = server.server.context.foundation.db.collection('toDevice');
  expect(await inbox.countDocuments({})).toBe(0);
  const { to_device: rest } = await device.ok('GET', `${v3}/sync`);
  expect(rest).toBeUndefined();
});

it('sends no more than the client acknowledges, and then all of it at once', async () => {
  await using socket = await SocketClient.open(server, bob);
  await socket.ask({ type: 'sync', filter: { room: { timeline: { limit: 100 } } } });
  const tokens: string[] = [(await socket.next('sync')).body.next_batch];
  const sent: string[] = [];
  const seen: string[] = [];
  for (let n = 0; n < 7; n++) {
    sent.push(await say(`unacknowledged ${n}`));
    const { body } = await socket.next('sync');
    tokens.push(body.next_batch);
    seen.push(...timeline(body).map(({ event_id: id }) => id));
  }
  expect(tokens.length).toBe(8);
  for (let n = 0; n < 5; n++) sent.push(await say(`gathered ${n}`));
  // What is answered now was asked after the messages were sent: no delta came in between.
  await socket.ask({ type: 'ping' });
  expect(seen.length).toBe(7);
  socket.send({ type: 'ack', next_batch: tokens.at(-1) });
  const { body } = await socket.next('sync');
  seen.push(...timeline(body).map(({ event_id: id }) => id));
  expect(seen).toEqual(sent);
});

it('says that it lives, and closes what does not', async () => {
  // Long enough that a busy machine's pause is not taken for silence.
  await using lively = await createTestServer({ config: { server: { socket: { heartbeat: '2s' } } } });
  const carol = await lively.register('carol');
  await using socket = await SocketClient.open(lively, carol);
  await socket.next('heartbeat');
  expect(await socket.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
  const dead = await SocketClient.open(lively, carol);
  // It answers no more pings.
  dead.socket.pong = () => undefined;
  (dead.socket as unknown as { _autoPong: boolean })._autoPong = false;
  expect((await dead.next('bye')).reason).toBe('no_heartbeat');
  expect(await dead.closed).toEqual({ code: 4006, reason: 'no_heartbeat' });
});

it.each([
  ['no JSON', 'nonsense', 4000],
  ['no object', '[]', 4000],
  ['another frame before auth', '{"type":"ping"}', 4000],
  ['auth without a token', '{"type":"auth"}', 4000],
  ['an unknown token', '{"type":"auth","access_token":"nyx_none"}', 4001],
  [
    'a first frame that is too large',
    JSON.stringify({ type: 'auth', access_token: 'x'.repeat(9_000) }),
    1009,
  ],
])('closes with a code of its own: %s', async (_what, frame, code) => {
  const socket = new SocketClient(server.url);
  await socket.opened();
  socket.socket.send(frame);
  const bye = await socket.next('bye');
  expect(bye.code).toBe(code);
  expect(await socket.closed).toEqual({ code, reason: bye.reason });
});

it('closes on a binary frame, a huge one, and a token of sync that is none', async () => {
  const binary = await SocketClient.open(server, alice);
  binary.socket.send(Buffer.from('{}'), { binary: true });
  expect((await binary.closed).code).toBe(1003);
  const huge = await SocketClient.open(server, alice);
  huge.socket.send(JSON.stringify({ type: 'ping', padding: 'x'.repeat(300_000) }));
  expect((await huge.closed).code).toBe(1009);
  const lost = await SocketClient.open(server, alice);
  lost.send({ type: 'sync', since: 'nonsense' });
  expect((await lost.closed).code).toBe(4009);
});

it('closes when the session ends, and stays when another one does', async () => {
  const device = await server.login(alice, 'GONE');
  const socket = await SocketClient.open(server, device);
  await using other = await SocketClient.open(server, alice);
  await device.ok('POST', `${v3}/logout`, {});
  expect(await socket.next('bye')).toMatchObject({ code: 4001, soft_logout: false });
  expect((await socket.closed).code).toBe(4001);
  expect(await other.ask({ type: 'ping' })).toMatchObject({ type: 'pong' });
});

it('asks for a new token when the old one has expired, and goes on with it', async () => {
  let ahead = 0;
  const clock = { now: () => Date.now() + ahead };
  await using later = await createTestServer({ sameAs: server, platform: { clock } });
  const login = {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: alice.userId },
    password: alice.password,
    refresh_token: true,
  };
  const refresh = async (token: string) =>
    (await later.request('POST', `${v3}/refresh`, { body: { refresh_token: token } })).body;
  const { body: tokens } = await later.request('POST', `${v3}/login`, { body: login });
  await using socket = new SocketClient(later.url, { authorization: `Bearer ${tokens.access_token}` });
  await socket.next('ready');
  await socket.ask({ type: 'sync' });
  await socket.delta();
  ahead = 3_600_000;
  const ping = { type: 'typing', room_id: room, typing: false };
  expect(await socket.ask(ping)).toMatchObject({ errcode: 'M_UNKNOWN_TOKEN', soft_logout: true });
  expect(await socket.next('reauth')).toMatchObject({ soft_logout: true, grace_ms: expect.any(Number) });
  // Nothing is told meanwhile, and all of it after.
  const id = await say('while the token was old');
  const fresh = await refresh(tokens.refresh_token);
  expect(await socket.ask({ type: 'auth', access_token: fresh.access_token })).toMatchObject({
    type: 'ready',
  });
  await arrival(socket, id);
  // A token that was refreshed elsewhere is as one that has expired: the session goes on.
  const newest = await refresh(fresh.refresh_token);
  await later.request('GET', `${v3}/account/whoami`, { token: newest.access_token });
  await socket.next('reauth');
  expect(await socket.ask({ type: 'auth', access_token: newest.access_token })).toMatchObject({
    type: 'ready',
  });
  expect(await socket.ask(ping)).toMatchObject({ type: 'reply' });
  socket.send({ type: 'auth', access_token: alice.token });
  expect((await socket.closed).code).toBe(4010);
});

it('lets the oldest go when a device opens too many', async () => {
  const device = await server.login(bob, 'MANY');
  const sockets: SocketClient[] = [];
  for (let n = 0; n < 5; n++) sockets.push(await SocketClient.open(server, device));
  expect(await sockets[0]?.closed).toEqual({ code: 4007, reason: 'replaced' });
  for (const socket of sockets.slice(1)) expect((await socket.ask({ type: 'ping' })).type).toBe('pong');
  for (const socket of sockets) await socket[Symbol.asyncDispose]();
});

it('is another kind of request for whoever does not upgrade to it', async () => {
  const path = '/_matrix/client/unstable/chat.nyx.socket';
  expect((await server.request('GET', path)).status).toBe(404);
  // An upgrade to something else is served as if it had not been asked for.
  const status = await new Promise((resolve, reject) => {
    const headers = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c' };
    get(`${server.url}/_matrix/client/versions`, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode);
    }).on('error', reject);
  });
  expect(status).toBe(200);
});

it('says goodbye when the server stops, and goes on at another process of it', async () => {
  const other = await createTestServer({ sameAs: server });
  const socket = await SocketClient.open(other, bob);
  await socket.ask({ type: 'sync' });
  const { next_batch: since } = await socket.delta();
  const closing = other.close();
  expect(await socket.next('bye')).toMatchObject({ code: 1001, reason: 'going_away' });
  expect(await socket.closed).toEqual({ code: 1001, reason: 'going_away' });
  await closing;
  const id = await say('meanwhile');
  await using again = await SocketClient.open(server, bob);
  await again.ask({ type: 'sync', since });
  await arrival(again, id);
});

it('brings at one process what was sent at another', async () => {
  await using other = await createTestServer({ sameAs: server });
  await using socket = await SocketClient.open(other, bob);
  await socket.ask({ type: 'sync' });
  await socket.delta();
  await arrival(socket, await say('from afar'));
  const { body } = await other.request('POST', `${v3}/login`, {
    body: {
      type: 'm.login.password',
      identifier: { type: 'm.id.user', user: bob.userId },
      password: bob.password,
    },
  });
  await using device = new SocketClient(other.url, { authorization: `Bearer ${body.access_token}` });
  await device.next('ready');
  // Logged out at one process, closed at the other.
  await server.request('POST', `${v3}/logout`, { token: body.access_token, body: {} });
  expect((await device.closed).code).toBe(4001);
});

it('is served over TLS as well', async () => {
  await using federation = await createFederation(1);
  const [secure] = federation.servers;
  if (secure === undefined) throw new Error('no server');
  const user = await secure.register('tls');
  const url = `https://127.0.0.1:${secure.config.server.tls.port ?? 0}`;
  await using socket = new SocketClient(url, { authorization: `Bearer ${user.token}` });
  expect(await socket.next('ready')).toMatchObject({ user_id: user.userId });
});
