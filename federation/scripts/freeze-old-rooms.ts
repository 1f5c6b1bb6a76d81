import { parseArgs } from 'node:util';
import { RawNumber, type JsonValue } from '../src/json/value.ts';
import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import { SigningKey } from '../src/signing/keys.ts';
import { randomDraft } from '../src/testing/event-drafts.ts';
import { toFrozenGraph, type FrozenGraph } from '../src/testing/frozen-vectors.ts';
import {
  buildGomatrixserverlibOracle,
  GOMATRIXSERVERLIB_PRODUCER,
  playInGomatrixserverlib,
} from '../src/testing/gomatrixserverlib-oracle.ts';
import {
  DIGESTED_GRAPH_LENGTH,
  digestGraph,
  digestOutcome,
  type GraphDigests,
} from '../src/testing/graph-digests.ts';
import type { EventGraph } from '../src/testing/graph-player.ts';
import { writeVectors } from '../src/testing/gzip-json.ts';
import type { OldRooms } from '../src/testing/old-rooms.ts';
import { randomGraph, type GraphOptions } from '../src/testing/random-graph.ts';
import {
  buildRumaOracle,
  playInRuma,
  RUMA_PRODUCER,
  type OracleOutcome,
} from '../src/testing/ruma-oracle.ts';
import { askSynapseForText, playInSynapse, synapseVersion } from '../src/testing/synapse-oracle.ts';

/**
 * Writes federation/vectors/old-rooms.json.gz: what other implementations make of rooms of versions 1 and 2, whose state
 * resolution, event ids and redactions no later room has, and of numbers that rooms before version 6 may hold:
 * `node federation/scripts/freeze-old-rooms.ts --python VENV/bin/python`, with matrix-synapse in that environment, and
 * cargo and go on the path.
 */
const { values } = parseArgs({ options: { python: { type: 'string' } } });
const python = values.python ?? 'python3';
const synapse = synapseVersion(python);
if (synapse === undefined) throw new Error(`${python} has no matrix-synapse`);
const SCRIPT = 'federation/scripts/freeze-old-rooms.ts';
const SYNAPSE_PRODUCER = `matrix-synapse ${synapse}`;
const ruma = buildRumaOracle();
const gomatrixserverlib = buildGomatrixserverlibOracle();

const SERVER = 'peer.org';
const SEED = Buffer.alloc(32, 5);
const KEYS = { [SERVER]: { 'ed25519:k1': SigningKey.fromSeed('k1', SEED).publicKey } };
/** Graphs of one producer and version. */
const DIGESTED = 250;
/** Those of them that are kept whole, for readers in other languages. */
const WHOLE = 40;
const EVENTS_PER_VERSION = 24;

type Player = {
  readonly producer: string;
  readonly roomVersion: string;
  readonly firstSeed: number;
  readonly options: GraphOptions;
  readonly play: (graphs: readonly EventGraph[]) => OracleOutcome[];
};

const players: readonly Player[] = [
  {
    producer: GOMATRIXSERVERLIB_PRODUCER,
    roomVersion: '1',
    firstSeed: 600_000,
    options: { old: true, plain: true },
    play: (graphs) => playInGomatrixserverlib(gomatrixserverlib, graphs),
  },
  ...['1', '2'].map((roomVersion, index) => ({
    producer: SYNAPSE_PRODUCER,
    roomVersion,
    firstSeed: 610_000 + index * 10_000,
    options: { old: true, unfederated: false },
    play: (graphs: readonly EventGraph[]) => playInSynapse(python, graphs),
  })),
  {
    producer: RUMA_PRODUCER,
    roomVersion: '2',
    firstSeed: 630_000,
    options: { old: true, fractions: false },
    play: (graphs) => playInRuma(ruma, graphs),
  },
];

const graphs: FrozenGraph[] = [];
const digests: GraphDigests[] = [];
for (const { producer, roomVersion, firstSeed, options, play } of players) {
  const seeds = Array.from({ length: DIGESTED }, (_, index) => firstSeed + index);
  const own = seeds.map((seed) => randomGraph(seed, roomVersion, DIGESTED_GRAPH_LENGTH, options));
  const outcomes = play(own);
  const rows = seeds.map((seed, index) => {
    const [graph, outcome] = [own[index], outcomes[index]];
    if (!graph || !outcome) throw new RangeError('fewer answers than graphs');
    if (index < WHOLE) graphs.push(toFrozenGraph(producer, graph, outcome));
    return { seed, roomVersion, graph: digestGraph(graph), outcome: digestOutcome(outcome) };
  });
  digests.push({ script: SCRIPT, producer, options, graphs: rows });
}

/** What Python writes back in a form of its own, what it cannot hold as a float, and what JavaScript cannot. */
const STRANGE = [
  '1.5',
  '1.0',
  '0.1',
  '1e-7',
  '2.5e22',
  '-0.0',
  '-0',
  '9007199254740993',
  '12345678901234567890123',
];

const requests = ROOM_VERSIONS.slice(0, 5).flatMap((roomVersion) =>
  Array.from({ length: EVENTS_PER_VERSION }, (_, index) => {
    const draft = randomDraft(700_000 + index * 100 + Number(roomVersion), roomVersion, SERVER);
    const numbers: JsonValue = STRANGE.slice(index % 4).map((literal) => new RawNumber(literal));
    const content = draft.content as Record<string, JsonValue>;
    return {
      room_version: roomVersion,
      server: SERVER,
      key_version: 'k1',
      seed: SEED.toString('base64'),
      event: { ...draft, content: { ...content, users: { strange: numbers }, numbers }, numbers },
    };
  }),
);
// As text: a parse in between would round the numbers.
const signed = askSynapseForText(python, 'sign', requests);
const verdicts = askSynapseForText(
  python,
  'judge',
  signed.map((text, index) => ({ room_version: requests[index]?.room_version, text, keys: KEYS })),
);
const file: OldRooms = {
  script: SCRIPT,
  graphs,
  digests,
  keys: KEYS,
  producer: SYNAPSE_PRODUCER,
  events: signed.map((text, index) => ({
    roomVersion: requests[index]?.room_version ?? '',
    text,
    answer: verdicts[index] ?? '',
  })),
};
writeVectors('old-rooms.json.gz', file);
