import { expect, it } from 'vitest';
import { buildEvent } from '@nyx/federation/events/builder.ts';
import { parseJsonObject } from '@nyx/federation/json/parse.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation } from '../../src/testing/create-federation.ts';
import { LargeRoom } from '../../src/testing/large-room.ts';

it('joins no room whose state has another create event than the one its join rests on', async () => {
  await using federation = await createFederation(1);
  const [nyx] = federation.servers;
  if (nyx === undefined) throw new Error('no server');
  await using fake = await FakeServer.start(federation.authority);
  const room = new LargeRoom(fake, { members: 3, messages: 1 });
  const second = buildEvent(
    RULES['11'],
    {
      roomId: room.room,
      type: 'm.room.create',
      stateKey: '',
      sender: room.creator,
      content: { room_version: '11', predecessor: { room_id: room.room } },
      authEvents: [],
      prevEvents: [],
      depth: 1,
      originServerTs: 1,
    },
    fake.signer,
  );
  const [create, ...rest] = [...room.state, ...room.members].map(({ json }) => json);
  const states = [
    [second.json, ...rest],
    [second.json, create, ...rest],
    [create, second.json, ...rest],
  ];
  fake.on('PUT', /\/v2\/send_join\//, ({ body }) => ({
    state: (states.shift() ?? [create, ...rest]).flatMap((json) => json ?? []),
    auth_chain: [create, ...rest].flatMap((json) => json ?? []),
    event: parseJsonObject(body),
  }));
  const bob = await nyx.register('bob');
  const join = () =>
    bob.request('POST', `/_matrix/client/v3/join/${encodeURIComponent(room.room)}?via=${fake.name}`, {
      body: {},
    });
  while (states.length > 0) {
    expect((await join()).status).toBe(502);
    expect((await bob.ok('GET', '/_matrix/client/v3/joined_rooms')).joined_rooms).toEqual([]);
  }
  expect((await join()).status).toBe(200);
});
