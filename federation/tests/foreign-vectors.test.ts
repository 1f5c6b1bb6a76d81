import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../src/json/canonical.ts';
import { parseJsonObject } from '../src/json/parse.ts';
import { withoutKeys } from '../src/json/value.ts';
import { roomVersionRules } from '../src/room-versions/registry.ts';
import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import { SigningKey } from '../src/signing/keys.ts';
import { signEvent } from '../src/signing/sign-event.ts';
import { parseServerName } from '../src/spec/identifiers/server-name.ts';
import { eventFileSchema, graphFileSchema } from '../src/testing/frozen-vectors.ts';
import { playGraph } from '../src/testing/graph-player.ts';
import { readVectors } from '../src/testing/gzip-json.ts';
import { judgeEvent } from '../src/testing/judge-event.ts';

const { keys, producers } = eventFileSchema.parse(readVectors('events.json.gz'));
const { graphs } = graphFileSchema.parse(readVectors('graphs.json.gz'));
const UNSIGNED = new Set(['unsigned']);

/** Frozen by federation/scripts/freeze-vectors.ts. */
describe('events that other implementations signed and judged', () => {
  test('are at least 100 for each room version, a third of them rejections', () => {
    for (const version of ROOM_VERSIONS) {
      const rows = producers.flatMap(({ events }) => events.filter((row) => row.roomVersion === version));
      expect(rows.length).toBeGreaterThanOrEqual(100);
      // Dropped whole: those that a receiver merely redacts come on top.
      const dropped = rows.filter(({ answer }) => answer.verdict === 'drop');
      expect(dropped.length / rows.length).toBeGreaterThanOrEqual(1 / 3);
    }
  });

  for (const { producer, events } of producers)
    for (const version of [...new Set(events.map((row) => row.roomVersion))])
      test(`${producer}, room version ${version}`, () => {
        const rules = roomVersionRules(version);
        if (rules === undefined) throw new Error('no such version');
        for (const { name, text, answer } of events.filter((row) => row.roomVersion === version)) {
          const ours = judgeEvent(rules, text, keys);
          expect(ours.verdict, `${name}: ${answer.reason ?? ''}`).toBe(answer.verdict);
          if (ours.verdict === 'drop') continue;
          if (answer.event_id !== undefined) expect(ours.eventId).toBe(answer.event_id);
          // Ruma gives the bare hash, in the alphabet of the version's event ids.
          if (answer.reference_hash !== undefined && rules.eventIdFormat !== 'domain')
            expect(ours.eventId).toBe(`$${answer.reference_hash}`);
          const redacted = withoutKeys(answer.redacted ?? {}, UNSIGNED);
          expect(canonicalJson(ours.redacted, rules.numbers)).toBe(canonicalJson(redacted, rules.numbers));
        }
      });
});

test('what we hash and sign is what they hash and sign, byte for byte', () => {
  const server = parseServerName('peer.org');
  const signer = { server, key: SigningKey.fromSeed('k1', Buffer.alloc(32, 5)) };
  let compared = 0;
  for (const { events } of producers)
    for (const { name, roomVersion, text } of events) {
      const rules = roomVersionRules(roomVersion);
      if (name !== 'as signed' || rules === undefined) continue;
      const theirs = parseJsonObject(text);
      const bare = withoutKeys(theirs, new Set(['hashes', 'signatures']));
      expect(withoutKeys(signEvent(rules, bare, signer).json, UNSIGNED)).toEqual(
        withoutKeys(theirs, UNSIGNED),
      );
      compared++;
    }
  expect(compared).toBeGreaterThan(1000);
});

describe('graphs that other implementations resolved', () => {
  for (const producer of [...new Set(graphs.map((graph) => graph.producer))])
    test(`${producer}: the same decisions and the same state`, () => {
      const own = graphs.filter((graph) => graph.producer === producer);
      expect(own.length).toBeGreaterThanOrEqual(100);
      for (const { roomVersion, events, accepted, state } of own) {
        const ours = playGraph({
          roomVersion,
          events: events.map(([eventId, json]) => ({ eventId, json })),
        });
        expect(ours).toEqual({ accepted, state });
      }
    });

  test('are no easy ones', () => {
    const decisions = graphs.flatMap(({ accepted }) => accepted);
    const rejected = decisions.filter((accepted) => !accepted).length;
    expect(rejected / decisions.length).toBeGreaterThan(0.3);
    expect(rejected / decisions.length).toBeLessThan(0.7);
    const merges = graphs.flatMap(({ events }) =>
      events.filter(([, { prev_events: previous }]) => Array.isArray(previous) && previous.length > 1),
    );
    expect(merges.length).toBeGreaterThan(1000);
  });
});
