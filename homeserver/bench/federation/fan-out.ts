import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';
import type { BenchUser, Network } from './peers.ts';

export type FanOut = {
  /** From the client's request to the last server's receipt. */
  readonly milliseconds: number;
  readonly sends: number;
  /** Different signatures seen on the one event. */
  readonly signatures: number;
};

/** One message into a room with many servers. */
export const benchFanOut = async (network: Network, alice: BenchUser, count: number): Promise<FanOut> => {
  await using stack = new AsyncDisposableStack();
  const { room_id: room } = await alice.ok('POST', '/_matrix/client/v3/createRoom', {
    preset: 'public_chat',
    room_version: '11',
  });
  const fakes: FakeServer[] = [];
  for (let index = 0; index < count; index++) {
    const fake = stack.use(await FakeServer.start(network.authority));
    fake.on('PUT', /\/v1\/send\//, () => ({ pdus: {} }));
    await HostilePeer.join(fake, network.name, String(room), `member${index}`);
    fakes.push(fake);
  }
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(String(room))}/send/m.room.message/fan-out`;
  const started = performance.now();
  const { event_id: id } = await alice.ok('PUT', path, { msgtype: 'm.text', body: 'to all' });
  const received = await Promise.all(
    fakes.map((fake) =>
      fake.until(({ path: to, body }) => to.includes('/v1/send/') && body.includes('to all')),
    ),
  );
  const milliseconds = performance.now() - started;
  const signatures = received.flatMap(({ body }) => {
    const { pdus } = JSON.parse(body) as { pdus: { content: { body?: string }; signatures: object }[] };
    return pdus
      .filter(({ content }) => content.body === 'to all')
      .map((pdu) => JSON.stringify(pdu.signatures));
  });
  if (typeof id !== 'string') throw new Error('no event id');
  return { milliseconds, sends: signatures.length, signatures: new Set(signatures).size };
};
