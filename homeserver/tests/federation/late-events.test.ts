import { expect, it, vi } from 'vitest';
import { buildEvent } from '@nyx/federation/events/builder.ts';
import type { Pdu } from '@nyx/federation/events/pdu.ts';
import { RULES } from '@nyx/federation/room-versions/rules.ts';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation } from '../../src/testing/create-federation.ts';
import { LargeRoom } from '../../src/testing/large-room.ts';

const v3 = '/_matrix/client/v3';
vi.setConfig({ testTimeout: 120_000 });

/** The room becomes one that nobody may join any more without an invite. */
const closeRoom = (fake: FakeServer, room: LargeRoom, after: Pdu): Pdu => {
  const [create, power] = room.state;
  const [own] = room.members;
  return buildEvent(
    RULES['11'],
    {
      roomId: room.room,
      type: 'm.room.join_rules',
      stateKey: '',
      sender: room.creator,
      content: { join_rule: 'invite' },
      authEvents: [create, power, own].flatMap((pdu) => pdu?.eventId ?? []),
      prevEvents: [after.eventId],
      depth: after.depth + 1,
      originServerTs: 1_700_000_100_000,
    },
    fake.signer,
  );
};

/**
 * Events from before this server was in the room come late: by themselves, and among those that fill a gap, as from a
 * peer that does not know the newest events here. Were they ends of the room's graph, its state would be resolved with
 * one in which nobody had joined yet, and the joins since judged by the rules of today.
 */
it('leaves the state of the room alone when events come that others follow already', async () => {
  await using federation = await createFederation(1);
  const [nyx] = federation.servers;
  if (nyx === undefined) throw new Error('no server');
  await using fake = await FakeServer.start(federation.authority);
  const room = new LargeRoom(fake, { members: 5, messages: 0 });
  const [, , , before, last] = room.members;
  if (before === undefined || last === undefined) throw new Error('no members');
  fake.on('GET', /\/v1\/state_ids\//, ({ query }) => {
    const at = room.members.findIndex(({ eventId }) => eventId === query.get('event_id'));
    const members = at < 0 ? room.members : room.members.slice(0, at);
    const state = [...room.state, ...members].map(({ eventId }) => eventId);
    return { pdu_ids: state, auth_chain_ids: state };
  });
  const bob = await nyx.register('bob');
  await bob.ok('POST', `${v3}/join/${encodeURIComponent(room.room)}?via=${fake.name}`, {});
  const path = `${v3}/rooms/${encodeURIComponent(room.room)}`;
  const first = room.message(0, 'first');
  const closed = closeRoom(fake, room, first);
  const unseen = room.message(1, 'unseen', [closed]);
  const newest = room.message(2, 'newest', [unseen]);
  fake.on('POST', /\/v1\/get_missing_events\//, () => ({
    events: [before.json, last.json, unseen.json],
  }));
  for (const pdus of [[first, closed], [last], [newest]]) {
    const { json } = await fake.sendTransaction(nyx.config.server.name, {
      pdus: pdus.map((pdu) => pdu.json),
    });
    expect(json).toEqual({ pdus: Object.fromEntries(pdus.map(({ eventId }) => [eventId, {}])) });
  }
  const { joined } = await bob.ok('GET', `${path}/joined_members`);
  expect(Object.keys(joined).sort()).toEqual(
    [bob.userId, ...room.members.map(({ sender }) => sender)].sort(),
  );
  expect(await bob.ok('GET', `${path}/state/m.room.join_rules/`)).toEqual({ join_rule: 'invite' });
  const { event_id: id } = await bob.ok('PUT', `${path}/send/m.room.message/1`, {
    msgtype: 'm.text',
    body: 'here',
  });
  const sentEvent = await nyx.server.context.foundation.db
    .collection<{ _id: string; j: string }>('events')
    .findOne({ _id: id });
  expect(JSON.parse(sentEvent?.j ?? '{}')).toMatchObject({ prev_events: [newest.eventId] });
  const { chunk } = await bob.ok('GET', `${path}/messages?dir=b&limit=4`);
  expect(chunk.map((event: { content: { body?: string } }) => event.content.body).slice(0, 3)).toEqual([
    'here',
    'newest',
    'unseen',
  ]);
});
