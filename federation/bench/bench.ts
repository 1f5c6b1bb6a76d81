import { createPublicKey, verify as cryptoVerify } from 'node:crypto';
import { authorise } from '../src/auth/authorise.ts';
import type { JudgedPdu } from '../src/auth/check-auth-events.ts';
import { lookupInMap, type StateLookup } from '../src/auth/state-lookup.ts';
import { openPdu, type OpenedPdu } from '../src/checks/open-pdu.ts';
import type { ReceiptPorts } from '../src/checks/ports.ts';
import { authoriseReceived, checkSignatures, keysNeeded } from '../src/checks/receive-pdu.ts';
import { signedInput } from '../src/events/hash.ts';
import type { Pdu } from '../src/events/pdu.ts';
import { parseTransaction } from '../src/events/transaction.ts';
import { canonicalJson } from '../src/json/canonical.ts';
import { ownObject, ownString, type JsonObject } from '../src/json/value.ts';
import { signEvent } from '../src/signing/sign-event.ts';
import { verifyEventSignatures } from '../src/signing/verify-event.ts';
import type { EventId } from '../src/spec/identifiers/event-id.ts';
import { parseServerName } from '../src/spec/identifiers/server-name.ts';
import { resolveState } from '../src/state/resolve.ts';
import { type StateKey } from '../src/state/state-key.ts';
import { TestRoom } from '../src/testing/event-factory.ts';
import { microsecondsPerCall, pairedRatio, timeOf } from './timing.ts';

/** Prints the figures of the protocol library; the last line is JSON for whoever compares them. */

const SERVER = parseServerName('a.example');
const BATCH = 50;

/** Text that makes an event about a kilobyte large. */
const BODY = 'The quick brown fox jumps over the lazy dog — ünïcödé included. '.repeat(8);

function messageRoom(): { room: TestRoom; message: Pdu } {
  const room = new TestRoom({ version: '11' });
  for (let index = 0; index < 20; index++) room.join(`@user${index}:a.example`);
  return { room, message: room.message('@user1:a.example', BODY) };
}

/** The bare check that ours is measured against: the same bytes, key and signature, all at hand. */
function bareVerifier(room: TestRoom, json: JsonObject): () => boolean {
  const { key } = room.signer(SERVER);
  const der = Buffer.concat([
    Buffer.from('302a300506032b6570032100', 'hex'),
    Buffer.from(key.publicKey, 'base64'),
  ]);
  const publicKey = createPublicKey({ key: der, format: 'der', type: 'spki' });
  const message = Buffer.from(signedInput(room.version, json));
  const signatures = ownObject(json, 'signatures');
  const own = signatures && ownObject(signatures, SERVER);
  const signature = Buffer.from((own && ownString(own, key.keyId)) ?? '', 'base64');
  return () => cryptoVerify(null, message, publicKey, signature);
}

function stateLookup(room: TestRoom, state: ReadonlyMap<StateKey, EventId>): StateLookup {
  const events = new Map<StateKey, Pdu>();
  for (const [key, id] of state) {
    const event = room.get(id);
    if (event) events.set(key, event);
  }
  return lookupInMap(events);
}

function authMicroseconds(): number {
  const { room } = messageRoom();
  const lookup = stateLookup(room, room.currentState());
  const events = [
    room.build({ type: 'm.room.message', sender: '@user3:a.example', content: { body: BODY } }),
    room.build({
      type: 'm.room.member',
      stateKey: '@new:b.example',
      sender: '@new:b.example',
      content: { membership: 'join' },
    }),
    room.build({ type: 'm.room.topic', stateKey: '', sender: room.creator, content: { topic: 'x' } }),
    room.build({
      type: 'm.room.power_levels',
      stateKey: '',
      sender: room.creator,
      content: { users: { [room.creator]: 100, '@user1:a.example': 50 }, events: { 'm.room.name': 60 } },
    }),
    room.build({
      type: 'm.room.member',
      stateKey: '@user5:a.example',
      sender: room.creator,
      content: { membership: 'ban' },
    }),
  ];
  for (const event of events) {
    if (!authorise(room.version, event, lookup).allowed) throw new Error('the bench expects allowed events');
  }
  const all = microsecondsPerCall(() => {
    for (const event of events) authorise(room.version, event, lookup);
  });
  return all / events.length;
}

/** Two states of 5,000 events that differ in fifty places: topics, bans, power levels, members. */
function resolveMilliseconds(): number {
  const room = new TestRoom({ version: '11' });
  const moderators = Array.from({ length: 10 }, (_, index) => `@mod${index}:a.example`);
  for (const user of moderators) room.join(user);
  const users = { [room.creator]: 100, ...Object.fromEntries(moderators.map((user) => [user, 50])) };
  room.state('m.room.power_levels', '', { users });
  for (let index = 0; room.currentState().size < 5000; index++) room.join(`@member${index}:b.example`);
  const base = [...room.extremities];
  const branch = (offset: number) => {
    let tip = base;
    const add = (type: string, stateKey: string, sender: string, content: JsonObject) => {
      const event = room.build({ type, stateKey, sender, content, prevEvents: tip });
      room.accept(event);
      tip = [event.eventId];
    };
    add('m.room.power_levels', '', room.creator, { users: { ...users, [`@mod${offset}:a.example`]: 40 } });
    for (let index = 0; index < 9; index++) {
      const target = `@member${index}:b.example`;
      add('m.room.member', target, room.creator, { membership: offset === 0 ? 'ban' : 'leave' });
    }
    for (let index = 0; index < 40; index++) add('org.example.note', `${index}`, room.creator, { offset });
    return room.stateAfter(tip[0] ?? room.create.eventId);
  };
  const states = [branch(0), branch(1)];
  const differing = [...(states[0] ?? [])].filter(([key, id]) => states[1]?.get(key) !== id);
  if (differing.length !== BATCH) throw new Error(`the bench expects 50 conflicts, not ${differing.length}`);
  const resolved = resolveState(room.version, states, room);
  if (resolved.size < 5000) throw new Error('the bench expects the state to be kept');
  return microsecondsPerCall(() => resolveState(room.version, states, room)) / 1000;
}

async function transactionRatio(): Promise<number> {
  const { room } = messageRoom();
  const events = Array.from({ length: BATCH }, (_, index) =>
    room.message(`@user${index % 20}:a.example`, BODY),
  );
  const body = JSON.stringify({ origin: SERVER, origin_server_ts: 1, pdus: events.map(({ json }) => json) });
  const lookup = stateLookup(room, room.currentState());
  const judged = new Map<EventId, JudgedPdu>(
    [...room.events].map(([id, pdu]) => [id, { pdu, rejected: false }]),
  );
  const ports: ReceiptPorts = {
    keys: { fetch: async () => undefined, lookup: room.keys, lookupAnyTime: room.keys },
    authEvents: { load: async () => judged },
    states: { before: async () => lookup, current: async () => lookup },
  };
  const wholeTransaction = async () => {
    const start = performance.now();
    const opened: OpenedPdu[] = [];
    for (const pdu of parseTransaction(body).pdus) {
      const one = pdu.ok ? openPdu(room.version, pdu.json) : undefined;
      if (one && 'pdu' in one) opened.push(one);
    }
    await ports.keys.fetch(keysNeeded(opened));
    let accepted = 0;
    for (const one of opened) {
      const problem = checkSignatures(one, ports.keys);
      if (!problem && (await authoriseReceived(one, ports)).outcome === 'accept') accepted += 1;
    }
    const took = performance.now() - start;
    if (accepted !== BATCH) throw new Error(`accepted ${accepted} of ${BATCH}`);
    return took;
  };
  const bare = events.map(({ json }) => bareVerifier(room, json));
  const signaturesAlone = () => {
    const start = performance.now();
    for (const verify of bare) if (!verify()) throw new Error('a signature does not fit');
    return performance.now() - start;
  };
  return pairedRatio(wholeTransaction, signaturesAlone, 400);
}

const { room, message } = messageRoom();
const { hashes: _hashes, signatures: _signatures, ...unsignedEvent } = message.json;
const signer = room.signer(SERVER);
const bare = bareVerifier(room, message.json);
const ours = () => verifyEventSignatures(room.version, message.json, room.keys);
if (!bare() || !ours().ok) throw new Error('the bench expects good signatures');

console.log(`event of ${Buffer.byteLength(canonicalJson(message.json))} bytes; Node ${process.version}`);
const round = (value: number) => Math.round(value * 100) / 100;
const figures = {
  canonical_us: round(microsecondsPerCall(() => canonicalJson(message.json))),
  sign_hash_us: round(microsecondsPerCall(() => signEvent(room.version, unsignedEvent, signer))),
  verify_ratio: round(
    await pairedRatio(
      () => timeOf(bare, 20),
      () => timeOf(ours, 20),
      300,
    ),
  ),
  auth_us: round(authMicroseconds()),
  resolve_ms: round(resolveMilliseconds()),
  transaction_ratio: round(await transactionRatio()),
};
console.log(JSON.stringify(figures));
