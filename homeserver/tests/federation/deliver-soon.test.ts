import { expect, it } from 'vitest';
import { parseServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { unknownEventId } from '../../src/testing/hostile-peer.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { MongoOutbound } from '../../src/storage/mongo/federation/mongo-outbound.ts';

const DELIVER = 'federation.deliver';

it('looks again at once for an event that is queued and about to be stored', async () => {
  await using server = await createTestServer();
  const { foundation } = server.server.context;
  const { db, platform, jobs } = foundation;
  const destination = parseServerName('127.0.0.1:1');
  await new MongoOutbound(db, platform.clock).add(
    [destination],
    [{ kind: 'pdu', eventId: unknownEventId('x'), order: 1 }],
  );
  const before = platform.clock.now();
  await jobs
    .get(DELIVER)
    ?.run(
      { destination },
      { id: 'test', attempt: 1, log: platform.logger, signal: new AbortController().signal },
    );
  // What is waiting under the destination's key swallows the wake-up that follows the commit.
  const waiting = await db
    .collection<{ dueAt: Date }>('outbox')
    .findOne({ key: `${DELIVER}:${destination}` });
  expect(waiting).not.toBeNull();
  expect((waiting?.dueAt.getTime() ?? 0) - before).toBeLessThan(2_000);
});
