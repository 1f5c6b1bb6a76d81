import { expect, it, vi } from 'vitest';
import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { createFederation } from '../../src/testing/create-federation.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';

const v3 = '/_matrix/client/v3';

it('sends what another process of this server took in', async () => {
  await using federation = await createFederation(0);
  await using fake = await FakeServer.start(federation.authority);
  const said: unknown[] = [];
  fake.on('PUT', /\/v1\/send\//, ({ body }) => {
    const { pdus } = JSON.parse(body) as { pdus: { content: { body?: string } }[] };
    said.push(...pdus.flatMap(({ content }) => content.body ?? []));
    return { pdus: {} };
  });
  const front = await federation.add({ server: { roles: ['http', 'sync', 'worker'] } });
  await using _back = await createTestServer({
    sameAs: front,
    config: { server: { name: front.config.server.name, roles: ['federation-out'] } },
  });
  const alice = await front.register('alice');
  const { room_id: room } = await alice.ok('POST', `${v3}/createRoom`, {
    preset: 'public_chat',
    room_version: '11',
  });
  await HostilePeer.join(fake, front.config.server.name, room);
  for (const body of ['one', 'two'])
    await alice.ok('PUT', `${v3}/rooms/${encodeURIComponent(room)}/send/m.room.message/${body}`, {
      msgtype: 'm.text',
      body,
    });
  await vi.waitFor(() => expect(said).toEqual(['one', 'two']), { timeout: 25_000 });
});
