import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseJsonObject } from '../json/parse.ts';
import { isJsonArray, isJsonObject, type JsonValue } from '../json/value.ts';
import { ROOM_VERSIONS, RULES } from '../room-versions/rules.ts';
import { runs } from '../testing/properties.ts';
import { SeededRandom } from '../testing/seeded-random.ts';
import { growRoom } from '../testing/random-room.ts';
import { eventIdOf } from './event-id.ts';
import { contentHash } from './hash.ts';

/** The same value with the keys of every object in another order. */
function reorder(value: JsonValue, random: SeededRandom): JsonValue {
  if (isJsonArray(value)) return value.map((item) => reorder(item, random));
  if (!isJsonObject(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, reorder(item, random)] as const);
  return Object.fromEntries(random.shuffle(entries));
}

describe.each(ROOM_VERSIONS)('events of room version %s', (version) => {
  it('have an id and a hash that do not depend on the order of keys or on white space', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const random = new SeededRandom(seed);
        const { room } = growRoom(version, random, 4);
        for (const event of room.events.values()) {
          const shuffled = parseJsonObject(JSON.stringify(reorder(event.json, random), null, 2));
          expect(eventIdOf(RULES[version], shuffled)).toBe(event.eventId);
          expect(contentHash(RULES[version], shuffled)).toBe(contentHash(RULES[version], event.json));
        }
      }),
      runs(10),
    );
  });

  it('keep their id when redacted, and change it with what is protected', () => {
    const { room } = growRoom(version, new SeededRandom(1), 10);
    for (const event of room.events.values()) {
      const changed = { ...event.json, origin_server_ts: event.originServerTs + 1 };
      if (RULES[version].eventIdFormat === 'domain') continue;
      expect(eventIdOf(RULES[version], changed)).not.toBe(event.eventId);
      expect(eventIdOf(RULES[version], { ...event.json, unsigned: { age: 1 }, unknown: 1 })).toBe(
        event.eventId,
      );
    }
  });
});
