import { afterAll, beforeAll, expect, it } from 'vitest';
import { parseRoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { roomsInCommon } from '../../src/domain/e2ee/rooms-in-common.ts';
import { tellDevices } from '../../src/domain/e2ee/federation/tell-devices.ts';
import { MongoCrossSigningStore } from '../../src/storage/mongo/keys/mongo-cross-signing-store.ts';
import { MongoDeviceKeyStore } from '../../src/storage/mongo/keys/mongo-device-key-store.ts';
import { MongoDeviceListOutbox } from '../../src/storage/mongo/keys/mongo-device-list-outbox.ts';
import type { EduToSend } from '../../src/ports/outbound-edus.ts';
import type { TestServer, TestUser } from '../../src/testing/create-test-server.ts';
import { createTestServer } from '../../src/testing/create-test-server.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const ROOMS = 1_000;
const SERVERS = ['one.example', 'two.example', 'three.example'];

let server: TestServer;
let alice: TestUser;
beforeAll(async () => {
  server = await createTestServer();
  alice = await server.register('alice');
});
afterAll(() => server.close());

it(`costs one row of the stream and one write per interested server, for a user in ${ROOMS} rooms`, async () => {
  const { db } = server.server.context.foundation;
  const count = (name: string) => db.collection(name).countDocuments({});
  const collections = ['deviceListChanges', 'deviceListOutbox', 'toDevice', 'events'];
  const before = await Promise.all(collections.map(count));
  await alice.ok('POST', `${V3}/keys/upload`, { device_keys: makeDevice(alice).deviceKeys() });
  const after = await Promise.all(collections.map(count));
  expect(after.map((now, index) => now - (before[index] ?? 0))).toEqual([1, 1, 0, 0]);

  // What goes out does not depend on the number of rooms, only on the servers in them.
  const rooms = Array.from({ length: ROOMS }, (_, index) => parseRoomId(`!room${index}:example.org`));
  const sent: { servers: readonly string[]; edus: readonly EduToSend[] }[] = [];
  const outbox = new MongoDeviceListOutbox(db);
  await outbox.note(alice.userId, { deviceIds: [alice.deviceId] });
  await tellDevices(
    {
      outbox,
      sharing: roomsInCommon({
        joined: () => Promise.resolve(rooms),
        servers: (room) => Promise.resolve([SERVERS[room.length % SERVERS.length] ?? '', ...SERVERS]),
        serverName: server.config.server.name,
      }),
      edus: {
        send: (servers, edus) => {
          sent.push({ servers, edus });
          return Promise.resolve();
        },
      },
      queries: {
        devices: new MongoDeviceKeyStore({
          db,
          clock: { now: () => 0 },
          transact: () => Promise.reject(new Error('nothing is written')),
          recordChange: () => Promise.reject(new Error('nothing is written')),
          removed: () => Promise.reject(new Error('nothing is removed')),
        }),
        crossSigning: new MongoCrossSigningStore(db, () => Promise.reject(new Error('nothing is written'))),
        names: { namesOf: () => Promise.resolve(new Map()) },
      },
    },
    alice.userId,
  );
  expect(sent).toHaveLength(1);
  expect(sent[0]?.servers.toSorted()).toEqual(SERVERS.toSorted());
  expect(sent[0]?.edus).toHaveLength(1);
});
