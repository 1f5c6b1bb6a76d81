import { expect, it } from 'vitest';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation } from '../../src/testing/create-federation.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';

const v3 = '/_matrix/client/v3';

it('judges each of many messages that came together by itself, and keeps their order', async () => {
  await using federation = await createFederation(1);
  const [nyx] = federation.servers;
  if (nyx === undefined) throw new Error('no server');
  await using fake = await FakeServer.start(federation.authority);
  const alice = await nyx.register('alice');
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    preset: 'public_chat',
    room_version: '11',
  });
  const peer = await HostilePeer.join(fake, nyx.config.server.name, room);
  const first = Array.from({ length: 20 }, (_, index) => peer.message(`first ${index}`));
  // What the content says is not what was signed: it is taken without it (spec: checks performed on receipt).
  const changed = first.map(({ json }, index) =>
    index === 7 ? { ...json, content: { msgtype: 'm.text', body: 'forged' } } : json,
  );
  const topic = peer.event({ type: 'm.room.topic', stateKey: '', content: { topic: 'not allowed' } });
  const good = peer.message('after the topic');
  const forged = { ...peer.event({ content: { msgtype: 'm.text', body: 'unsigned' } }).json, signatures: {} };
  const second = Array.from({ length: 10 }, (_, index) => peer.message(`second ${index}`));
  const fates = await peer.send([
    ...changed,
    topic.json,
    good.json,
    forged,
    ...second.map(({ json }) => json),
    // Twice in one transaction.
    ...second.slice(0, 2).map(({ json }) => json),
  ]);
  for (const { eventId } of [...first, good, ...second]) expect(fates.get(eventId)).toBeUndefined();
  expect([...fates.values()].filter((error) => error !== undefined)).toHaveLength(2);
  expect(fates.get(topic.eventId)).toMatch(/^rejected/);
  const { chunk } = await alice.ok(
    'GET',
    `${v3}/rooms/${encodeURIComponent(room)}/messages?dir=b&limit=31&filter=${encodeURIComponent('{"types":["m.room.message"]}')}`,
  );
  const said = chunk.map(({ content }: { content: { body?: string } }) => content.body).reverse();
  expect(said).toEqual([
    ...Array.from({ length: 20 }, (_, index) => (index === 7 ? undefined : `first ${index}`)),
    'after the topic',
    ...Array.from({ length: 10 }, (_, index) => `second ${index}`),
  ]);
  expect(await nyx.server.context.foundation.db.collection('federation_staged').countDocuments()).toBe(0);
});
