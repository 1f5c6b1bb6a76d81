import { describe, expect, test } from 'vitest';
import { canonicalJson } from '../src/json/canonical.ts';
import { parseJson, parseJsonObject } from '../src/json/parse.ts';
import { ownObject, ownString, withoutKeys } from '../src/json/value.ts';
import { roomVersionRules } from '../src/room-versions/registry.ts';
import { SigningKey } from '../src/signing/keys.ts';
import { signEvent } from '../src/signing/sign-event.ts';
import { parseServerName } from '../src/spec/identifiers/server-name.ts';
import { DIGESTED_GRAPH_LENGTH, digestGraph, digestOutcome } from '../src/testing/graph-digests.ts';
import { playGraph } from '../src/testing/graph-player.ts';
import { readVectors } from '../src/testing/gzip-json.ts';
import { judgeEvent } from '../src/testing/judge-event.ts';
import { oldRoomsSchema } from '../src/testing/old-rooms.ts';
import { randomGraph } from '../src/testing/random-graph.ts';

/** Frozen by federation/scripts/freeze-old-rooms.ts, from implementations that are not ours. */
const { graphs, digests, keys, events, producer } = oldRoomsSchema.parse(
  readVectors('old-rooms.json.gz', parseJson),
);

describe('rooms of versions 1 and 2, as other implementations resolve them', () => {
  test('are five hundred of each, by two implementations each', () => {
    for (const version of ['1', '2']) {
      const sets = digests.filter(({ graphs: [first] }) => first?.roomVersion === version);
      expect(new Set(sets.map(({ producer: name }) => name)).size).toBe(2);
      expect(sets.flatMap(({ graphs: rows }) => rows).length).toBe(500);
    }
  });

  for (const { producer: name, options, graphs: rows } of digests)
    test(
      `${name}, version ${rows[0]?.roomVersion}: the same decisions, the same state`,
      {
        timeout: 120_000,
      },
      () => {
        for (const { seed, roomVersion, graph: expected, outcome } of rows) {
          const graph = randomGraph(seed, roomVersion, DIGESTED_GRAPH_LENGTH, options);
          // If this alone fails, the generator has changed: freeze anew.
          expect(digestGraph(graph), `graph ${seed}`).toBe(expected);
          expect(digestOutcome(playGraph(graph)), `outcome of graph ${seed}`).toBe(outcome);
        }
      },
    );

  test('and those that are kept whole', () => {
    expect(graphs.length).toBeGreaterThanOrEqual(160);
    for (const { roomVersion, events: own, accepted, state } of graphs) {
      const ours = playGraph({ roomVersion, events: own.map(([eventId, json]) => ({ eventId, json })) });
      expect(ours).toEqual({ accepted, state });
    }
  });

  test('have forks of equal depth, levels in text and in fractions, and rejections', () => {
    const all = graphs.flatMap(({ events: own }) => own.map(([, json]) => json));
    const text = JSON.stringify(all);
    expect(text).toMatch(/"ban":"\d+"/);
    expect(text).toMatch(/"ban":\d+\.7/);
    const ties = graphs.filter(({ events: own }) => {
      const depths = own.map(([, { depth }]) => depth);
      return new Set(depths).size < depths.length - 5;
    });
    expect(ties.length).toBe(graphs.length);
    const decisions = graphs.flatMap(({ accepted }) => accepted);
    expect(decisions.filter((accepted) => !accepted).length / decisions.length).toBeGreaterThan(1 / 3);
  });
});

describe(`numbers that canonical JSON forbids, in events that ${producer} signed`, () => {
  const signer = { server: parseServerName('peer.org'), key: SigningKey.fromSeed('k1', Buffer.alloc(32, 5)) };

  test.each(['1', '2', '3', '4', '5'])('room version %s', (version) => {
    const rules = roomVersionRules(version);
    const own = events.filter(({ roomVersion }) => roomVersion === version);
    expect(own.length).toBeGreaterThanOrEqual(20);
    if (rules === undefined) throw new Error('no such version');
    for (const { text, answer } of own) {
      const theirs = parseJsonObject(answer);
      const ours = judgeEvent(rules, text, keys);
      expect(ours.verdict).toBe('ok');
      expect(ownString(theirs, 'verdict')).toBe('ok');
      if (ours.verdict === 'drop') continue;
      expect(ours.eventId).toBe(ownString(theirs, 'event_id'));
      expect(canonicalJson(ours.redacted, 'lenient')).toBe(
        canonicalJson(ownObject(theirs, 'redacted') ?? {}, 'lenient'),
      );
      // Byte for byte: the same hash and the same signature come of the same numbers.
      const signed = parseJsonObject(text);
      const bare = withoutKeys(signed, new Set(['hashes', 'signatures', 'unsigned']));
      const again = signEvent(rules, bare, signer).json;
      expect(again).toEqual(withoutKeys(signed, new Set(['unsigned'])));
    }
  });
});
