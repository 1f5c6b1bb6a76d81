import { parseArgs } from 'node:util';
import { roomVersionRules } from '../src/room-versions/registry.ts';
import { ROOM_VERSIONS } from '../src/room-versions/rules.ts';
import { SigningKey } from '../src/signing/keys.ts';
import { randomDraft } from '../src/testing/event-drafts.ts';
import { EVENT_MUTATIONS } from '../src/testing/event-mutations.ts';
import type { FrozenEvent, FrozenGraph } from '../src/testing/frozen-vectors.ts';
import { frozenEventSchema, toFrozenGraph } from '../src/testing/frozen-vectors.ts';
import { writeVectors } from '../src/testing/gzip-json.ts';
import { randomGraph } from '../src/testing/random-graph.ts';
import { askRuma, buildRumaOracle, playInRuma, RUMA_PRODUCER } from '../src/testing/ruma-oracle.ts';
import { askSynapse, playInSynapse, synapseVersion } from '../src/testing/synapse-oracle.ts';
import type { JsonObject } from '../src/json/value.ts';

/**
 * Writes federation/vectors from two implementations that are not ours:
 * `node federation/scripts/freeze-vectors.ts --python VENV/bin/python`, with matrix-synapse in that environment and
 * cargo on the path.
 */
const { values } = parseArgs({ options: { python: { type: 'string' } } });
const python = values.python ?? 'python3';
const synapse = synapseVersion(python);
if (synapse === undefined) throw new Error(`${python} has no matrix-synapse`);
const ruma = buildRumaOracle();

const SERVER = 'peer.org';
const KEY_VERSION = 'k1';
const SEED = Buffer.alloc(32, 5);
const EVENTS_PER_VERSION = 104;
const GRAPHS = 100;
const keys = { [SERVER]: { [`ed25519:${KEY_VERSION}`]: SigningKey.fromSeed(KEY_VERSION, SEED).publicKey } };
const isNumber = (name: string) => ['a fraction', 'an exponent', 'beyond 2^53'].includes(name);

type Producer = {
  readonly name: string;
  readonly versions: readonly string[];
  readonly ask: (mode: 'judge' | 'sign', inputs: readonly unknown[]) => unknown[];
  /** Ruma takes canonical JSON alone, which rooms before version 6 do not ask for. */
  readonly lenientNumbers: boolean;
};
const producers: readonly Producer[] = [
  {
    name: RUMA_PRODUCER,
    versions: ROOM_VERSIONS.slice(2),
    ask: (mode, inputs) => askRuma(ruma, mode, inputs),
    lenientNumbers: false,
  },
  {
    name: `matrix-synapse ${synapse}`,
    versions: ROOM_VERSIONS,
    ask: (mode, inputs) => askSynapse(python, mode, inputs),
    lenientNumbers: true,
  },
];

function freezeEvents(producer: Producer, roomVersion: string): FrozenEvent[] {
  const strict = roomVersionRules(roomVersion)?.numbers === 'strict';
  const mutations = EVENT_MUTATIONS.filter(
    ({ name }) => strict || producer.lenientNumbers || !isNumber(name),
  );
  const requests = Array.from({ length: EVENTS_PER_VERSION }, (_, index) => ({
    room_version: roomVersion,
    server: SERVER,
    key_version: KEY_VERSION,
    seed: SEED.toString('base64').replace(/=+$/, '='),
    event: randomDraft(index * 100 + Number(roomVersion), roomVersion, SERVER),
  }));
  const signed = producer.ask('sign', requests) as JsonObject[];
  const cases = signed.map((event, index) => {
    const mutation = index % 2 === 0 ? undefined : mutations[(index >> 1) % mutations.length];
    return {
      name: mutation?.name ?? 'as signed',
      text: mutation?.apply(event, SERVER) ?? JSON.stringify(event),
    };
  });
  const verdicts = producer.ask(
    'judge',
    cases.map(({ text }) => ({ room_version: roomVersion, text, keys })),
  );
  return cases.map((row, index) => frozenEventSchema.parse({ ...row, roomVersion, answer: verdicts[index] }));
}

function freezeGraphs(): FrozenGraph[] {
  const versionsOf = (versions: readonly string[], index: number) =>
    versions[index % versions.length] ?? '12';
  const forRuma = Array.from({ length: GRAPHS }, (_, index) =>
    randomGraph(index, versionsOf(ROOM_VERSIONS.slice(2), index), 40),
  );
  const forSynapse = Array.from({ length: GRAPHS }, (_, index) =>
    randomGraph(10_000 + index, versionsOf(ROOM_VERSIONS, index), 40, { unfederated: false }),
  );
  return [
    ...playInRuma(ruma, forRuma).map((outcome, index) =>
      toFrozenGraph(RUMA_PRODUCER, forRuma[index], outcome),
    ),
    ...playInSynapse(python, forSynapse).map((outcome, index) =>
      toFrozenGraph(`matrix-synapse ${synapse ?? ''}`, forSynapse[index], outcome),
    ),
  ];
}

writeVectors('graphs.json.gz', { script: 'federation/scripts/freeze-vectors.ts', graphs: freezeGraphs() });
writeVectors('events.json.gz', {
  script: 'federation/scripts/freeze-vectors.ts',
  keys,
  producers: producers.map((producer) => ({
    producer: producer.name,
    events: producer.versions.flatMap((version) => freezeEvents(producer, version)),
  })),
});
