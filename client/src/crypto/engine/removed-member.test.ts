/** A removed member over random interleavings: whatever the order of events, nothing sent after is readable. */
import { beforeAll, describe, expect, it } from 'vitest';
import { loadSodium } from '../primitives/sodium.ts';
import { Dice } from '../testing/seeded.ts';
import type { SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { MatrixEvent } from './events.ts';

const LONG = (process.env.NYX_TEST_LONG ?? '') !== '';
const SEED = Number(process.env.NYX_TEST_SEED ?? 7);
/** Interleavings of one world, each with a removal and a return, and how many worlds. */
const ROUNDS = 20;
const WORLDS = LONG ? 500 : 4;

beforeAll(loadSodium);

type Told = { readonly event: MatrixEvent; readonly text: string; readonly position: number };

/** One removal at a random moment among sends, syncs and requests for keys; returns what was said. */
async function interleave(world: SimWorld, dice: Dice, stay: readonly SimClient[], carol: SimClient) {
  const told: Told[] = [];
  const removedAt = 2 + dice.below(6);
  let from = Infinity;
  for (let step = 0; step < 14; step++) {
    if (step === removedAt) {
      const by = dice.chance(50) ? carol : dice.pick(stay);
      world.server.leave(ROOM, by.userId, carol.userId, dice.chance(50) ? 'leave' : 'ban');
      from = world.server.rooms.get(ROOM)?.timeline.length ?? 0;
    }
    switch (dice.below(5)) {
      case 0:
      case 1: {
        const senders = step < removedAt ? [...stay, carol] : stay;
        const text = `s${told.length}-${dice.below(1_000_000)}`;
        const event = await dice.pick(senders).send(ROOM, text, text);
        const position = world.server.rooms.get(ROOM)?.timeline.indexOf(event) ?? 0;
        told.push({ event, text, position });
        break;
      }
      case 2:
        await dice.pick([...stay, carol]).sync();
        break;
      case 3:
        await dice.pick([...stay, carol]).work();
        break;
      case 4:
        // The removed one asks whomever it can.
        for (const { event } of told.slice(-3)) await carol.text(ROOM, event);
        world.clock.advance(dice.below(3_000));
        break;
    }
  }
  return { told, from };
}

describe('a removed member', () => {
  it(
    `reads nothing that was sent after it went, in ${ROUNDS * WORLDS} interleavings (seed ${SEED})`,
    async () => {
      let after = 0;
      for (let w = 0; w < WORLDS; w++) {
        const world = new SimWorld();
        const dice = new Dice(SEED * 1_000 + w);
        const [alice, bob, carol] = await world.startAll('alice', 'bob', 'carol');
        if (alice === undefined || bob === undefined || carol === undefined) throw new Error('three');
        await world.room(alice, bob, carol);
        for (let round = 0; round < ROUNDS; round++) {
          const { told, from } = await interleave(world, dice, [alice, bob], carol);
          await world.settle();
          for (const { event } of told) await carol.text(ROOM, event);
          await world.pass(8_000, 2_000);
          for (const { event, text, position } of told) {
            const readable = await carol.text(ROOM, event);
            if (position >= from) {
              after += 1;
              expect(readable, `seed ${SEED}, world ${w}, round ${round}`).not.toBe(text);
            }
            expect(await alice.text(ROOM, event)).toBe(text);
            expect(await bob.text(ROOM, event)).toBe(text);
          }
          await world.admit(alice, carol);
          await world.settle();
          // Back in, and still nothing of what was said meanwhile.
          for (const { event, text, position } of told)
            if (position >= from) expect(await carol.text(ROOM, event)).not.toBe(text);
        }
      }
      expect(after).toBeGreaterThan(ROUNDS * WORLDS);
    },
    LONG ? 3 * 60 * 60_000 : 600_000,
  );
});
