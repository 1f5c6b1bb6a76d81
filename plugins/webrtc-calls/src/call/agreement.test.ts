import { expect, it } from 'vitest';
import { Seeded } from '../testing/seeded.ts';
import type { Device } from '../testing/world.ts';
import { World } from '../testing/world.ts';

const ROOM = '!room:a';
const ALICE = '@alice:a';
const BOB = '@bob:b';
const RUNS = process.env.NYX_TEST_LONG === undefined ? 1_500 : 50_000;
const STEPS = 60;

/** Every call is over everywhere, or two devices of different people are in it, each with the other. */
const disagreements = (world: World): string[] => {
  const callIds = new Set(world.devices.flatMap((device) => device.calls().map(({ callId }) => callId)));
  return [...callIds].flatMap((callId) => {
    const live = world.devices.filter((device) => {
      const call = device.phone.call(callId);
      return call !== undefined && call.phase !== 'ended';
    });
    // With a network that delivers, nobody is left to find out by waiting.
    const left = world.devices.find(({ phone }) => phone.call(callId)?.ended === 'connection-failed');
    if (left !== undefined) return [`${callId}: ${left.deviceId} waited in vain`];
    if (live.length === 0) return [];
    const [one, other] = live;
    const meets = (a: Device, b: Device): boolean => {
      const call = a.phone.call(callId);
      return (
        call?.phase === 'connected' && call.peer.deviceId === b.deviceId && call.peer.userId === b.userId
      );
    };
    const paired =
      live.length === 2 && one !== undefined && other !== undefined && meets(one, other) && meets(other, one);
    return paired ? [] : [`${callId}: ${live.map(({ deviceId }) => deviceId).join(', ')}`];
  });
};

/** One thing that somebody does, a browser finishes, or the network delivers. */
const step = (world: World, dice: Seeded): void => {
  const device = dice.pick(world.devices);
  const { phone, userId } = device;
  const call = device.calls().length === 0 ? undefined : dice.pick(device.calls());
  switch (dice.below(12)) {
    case 0:
      if (!device.calls().some(({ phase }) => phase !== 'ended'))
        phone.place(ROOM, userId === ALICE ? BOB : ALICE, dice.chance(50), world.now);
      break;
    case 1:
    case 2:
      if (call?.phase === 'ringing') phone.answer(call.callId, false, world.now);
      break;
    case 3:
      if (call?.phase === 'ringing') phone.decline(call.callId, world.now);
      break;
    case 4:
      if (call !== undefined && dice.chance(15)) phone.hangUp(call.callId, world.now);
      break;
    case 5:
      if (call?.phase === 'answering' && dice.chance(20)) phone.mediaFailed(call.callId, 'denied', world.now);
      break;
    case 6:
      if (call?.phase === 'connected' && dice.chance(40))
        phone.connection(call.callId, 'disconnected', world.now);
      break;
    case 7:
      world.now += dice.below(3_000);
      phone.tick(world.now);
      break;
    case 8:
    case 9:
      device.work();
      break;
    default:
      device.receive(1 + dice.below(3));
  }
  device.settle();
};

const run = (seed: number): { world: World; placed: number } => {
  const dice = new Seeded(seed);
  // Ids in random order, so that either side may hold the lower one.
  const world = new World(() => `${dice.below(1_000_000_000)}`);
  world.add(ALICE, 'A1');
  world.add(BOB, 'B1');
  if (dice.chance(70)) world.add(BOB, 'B2');
  if (dice.chance(30)) world.add(ALICE, 'A2');
  for (let count = 0; count < STEPS; count++) step(world, dice);
  // Everything arrives in the end, and every wait comes to its end.
  world.pass(400_000);
  return { world, placed: world.sent.filter(({ type }) => type === 'm.call.invite').length };
};

it(`${RUNS} random interleavings end in agreement`, () => {
  let calls = 0;
  let connected = 0;
  for (let seed = 1; seed <= RUNS; seed++) {
    const { world, placed } = run(seed);
    calls += placed;
    connected += world.devices.some((device) => device.inPhase('connected')) ? 1 : 0;
    const wrong = disagreements(world);
    if (wrong.length > 0)
      expect.fail(
        `seed ${seed}: ${wrong.join('; ')}\n${world.devices.map((device) => `${device.deviceId}: ${JSON.stringify(device.calls().map(({ callId, phase, ended }) => [callId, phase, ended]))}\n${device.log.join('\n')}`).join('\n')}`,
      );
  }
  // The runs are worth something: calls are placed in most, and many of them last.
  expect(calls).toBeGreaterThan(RUNS / 2);
  expect(connected).toBeGreaterThan(RUNS / 20);
});
