import { FakeServer } from '@nyx/federation/testing/fake-server.ts';
import { LargeRoom } from '../../src/testing/large-room.ts';
import type { BenchUser, Network } from './peers.ts';

export type LargeJoin = {
  /** Until a page of messages from before the join is shown, from the request to join on, in ms. */
  readonly firstMessages: number;
  /** Until all members are told. */
  readonly fullState: number;
};

/** A join to a room with many members on another server. */
export const benchJoin = async (network: Network, alice: BenchUser, members: number): Promise<LargeJoin> => {
  await using fake = await FakeServer.start(network.authority);
  const room = new LargeRoom(fake, { members, messages: 50 });
  const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room.room)}`;
  const started = performance.now();
  await alice.ok('POST', `/_matrix/client/v3/join/${encodeURIComponent(room.room)}?via=${fake.name}`, {});
  const { chunk } = await alice.ok('GET', `${path}/messages?dir=b&limit=20`);
  const firstMessages = performance.now() - started;
  const seen = Array.isArray(chunk) ? chunk.length : 0;
  if (seen < 20) throw new Error(`only ${seen} events were shown`);
  const { joined } = await alice.ok('GET', `${path}/joined_members`);
  const fullState = performance.now() - started;
  const known = Object.keys(joined ?? {}).length;
  if (known !== members + 1) throw new Error(`${known} members instead of ${members + 1}`);
  return { firstMessages, fullState };
};
