import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { HostilePeer } from '../../src/testing/hostile-peer.ts';
import type { BenchUser, Network } from './peers.ts';

const PER_TRANSACTION = 50;

/** Events per second taken in from one peer, one transaction after the other, every signature checked. */
export const benchInbound = async (network: Network, alice: BenchUser, count: number): Promise<number> => {
  await using fake = await FakeServer.start(network.authority);
  fake.on('PUT', /\/v1\/send\//, () => ({ pdus: {} }));
  const { room_id: room } = await alice.ok('POST', '/_matrix/client/v3/createRoom', {
    preset: 'public_chat',
    room_version: '11',
  });
  const peer = await HostilePeer.join(fake, network.name, String(room));
  const messages = Array.from({ length: count }, (_, index) => peer.message(`message ${index}`).json);
  const started = performance.now();
  for (let at = 0; at < count; at += PER_TRANSACTION) {
    const fates = await peer.send(messages.slice(at, at + PER_TRANSACTION));
    for (const [id, error] of fates) if (error !== undefined) throw new Error(`${id}: ${error}`);
  }
  return (count / (performance.now() - started)) * 1_000;
};
