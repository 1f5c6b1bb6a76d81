import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { authorise } from '../auth/authorise.ts';
import { lookupInList, lookupInMap } from '../auth/state-lookup.ts';
import type { JudgedPdu } from '../auth/check-auth-events.ts';
import { placesToJudge } from '../checks/receive-pdu.ts';
import type { Pdu } from '../events/pdu.ts';
import { ROOM_VERSIONS } from '../room-versions/rules.ts';
import type { EventId } from '../spec/identifiers/event-id.ts';
import type { TestRoom } from '../testing/event-factory.ts';
import { runs } from '../testing/properties.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { growRoom } from '../testing/random-room.ts';
import { authChain, authDifference, conflictedSubgraph } from './auth-chain.ts';
import { resolveState } from './resolve.ts';
import { resolveStored } from './resolve-stored.ts';
import { splitStates } from './conflicts.ts';
import { stateKeyOf, type StateKey, type StateMap } from './state-key.ts';

const sorted = (state: StateMap<EventId>) => [...state].sort(([a], [b]) => (a < b ? -1 : 1));

/** Two to four states of a random room. */
function someStates(room: TestRoom, random: SeededRandom): StateMap<EventId>[] {
  const ids = [...room.events.keys()].filter((id) => !room.isRejected(id)).slice(-12);
  return random
    .shuffle(ids)
    .slice(0, 2 + random.below(3))
    .map((id) => room.stateAfter(id));
}

/** The state's entries in another order, which a Map remembers. */
function reordered(state: StateMap<EventId>, random: SeededRandom): StateMap<EventId> {
  return new Map(random.shuffle([...state]));
}

describe.each(ROOM_VERSIONS)('state resolution of room version %s', (version) => {
  it('does not depend on the order of states, of their entries, or on repetition', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom(version, random, 25);
        const states = someStates(room, random);
        const resolved = sorted(resolveState(room.version, states, room));
        const shuffled = random.shuffle(states).map((state) => reordered(state, random));
        expect(sorted(resolveState(room.version, shuffled, room))).toEqual(resolved);
        const [first] = states;
        if (first) expect(sorted(resolveState(room.version, [...states, first], room))).toEqual(resolved);
      }),
      runs(15),
    );
  });

  it('keeps what all states agree on, and invents nothing', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom(version, random, 25);
        const states = someStates(room, random);
        const resolved = resolveState(room.version, states, room);
        const { unconflicted } = splitStates(states);
        for (const [key, id] of unconflicted) expect(resolved.get(key)).toBe(id);
        for (const id of resolved.values()) expect(room.get(id)).toBeDefined();
      }),
      runs(10),
    );
  });

  it('comes to the same from a database, through an index and in batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(), async (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom(version, random, 25);
        const states = someStates(room, random);
        const edges = (id: EventId) => room.get(id)?.authEvents;
        const stored = await resolveStored(
          room.version,
          states,
          {
            events: async (ids) => {
              const found = new Map<EventId, JudgedPdu>();
              for (const id of ids) {
                const pdu = room.get(id);
                if (pdu) found.set(id, { pdu, rejected: room.isRejected(id) });
              }
              return found;
            },
          },
          {
            difference: async (of, keys) => authDifference(of, keys, edges),
            subgraph: async (of) => conflictedSubgraph(of, edges),
          },
        );
        expect(sorted(stored)).toEqual(sorted(resolveState(room.version, states, room)));
      }),
      runs(10),
    );
  });
});

describe('auth chains, against their definitions', () => {
  it('the difference is union minus intersection of the full chains', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom(random.pick(ROOM_VERSIONS), random, 40);
        const edges = (id: EventId) => room.get(id)?.authEvents;
        const states = someStates(room, random);
        const chains = states.map((state) => authChain([...state.values()], edges));
        const union = new Set(chains.flatMap((chain) => [...chain]));
        const expected = [...union].filter((id) => !chains.every((chain) => chain.has(id))).sort();
        const keys = new Set<StateKey>(splitStates(states).conflicted.keys());
        expect([...authDifference(states, keys, edges)].sort()).toEqual(expected);
      }),
      runs(100),
    );
  });

  it('the subgraph is every event on a path between conflicted events', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom('12', random, 30);
        const edges = (id: EventId) => room.get(id)?.authEvents;
        const ids = [...room.events.keys()];
        const conflicted = new Set(random.shuffle(ids).slice(0, 4));
        const chains = new Map(ids.map((id) => [id, authChain([id], edges)]));
        const expected = ids.filter(
          (id) =>
            conflicted.has(id) ||
            ([...conflicted].some((from) => chains.get(from)?.has(id)) &&
              [...conflicted].some((to) => chains.get(id)?.has(to))),
        );
        expect([...conflictedSubgraph(conflicted, edges)].sort()).toEqual(expected.sort());
      }),
      runs(100),
    );
  });
});

it('decisions are the same whether state comes as list or as map', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...ROOM_VERSIONS), (seed, version) => {
      const random = new SeededRandom(seed);
      const { room, refused } = growRoom(version, random, 20);
      for (const state of someStates(room, random)) {
        const map = new Map<StateKey, Pdu>();
        for (const [key, id] of state) {
          const event = room.get(id);
          if (event) map.set(key, event);
        }
        const list = random.shuffle([...map.values()]);
        for (const event of [...room.events.values(), ...refused]) {
          expect(authorise(room.version, event, lookupInList(list))).toEqual(
            authorise(room.version, event, lookupInMap(map)),
          );
        }
      }
    }),
    runs(60),
  );
});

it('judging an event reads no state besides the places that are asked for', () => {
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom(...ROOM_VERSIONS), (seed, version) => {
      const random = new SeededRandom(seed);
      const { room, refused } = growRoom(version, random, 20);
      for (const state of someStates(room, random))
        for (const event of [...room.events.values(), ...refused]) {
          const asked = new Set(
            placesToJudge(room.version, event).map(([type, key]) => stateKeyOf(type, key)),
          );
          authorise(room.version, event, (type, key) => {
            expect(asked, `${event.type} reads ${type} ${key}`).toContain(stateKeyOf(type, key));
            const id = state.get(stateKeyOf(type, key));
            return id === undefined ? undefined : room.get(id);
          });
        }
    }),
    runs(60),
  );
});
