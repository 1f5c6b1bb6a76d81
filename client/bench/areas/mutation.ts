import { commitment, newGroupKey } from '../../src/crypto/group/epoch.ts';
import { openMessage, readFrame, sealMessage, verifyMessage } from '../../src/crypto/group/message.ts';
import { SALT_BYTES, SenderChain } from '../../src/crypto/group/sender-chain.ts';
import { encodeSession } from '../../src/crypto/pairwise/record.ts';
import { Party } from '../../src/crypto/pairwise/testing/party.ts';
import { verifyBundle } from '../../src/crypto/prekeys/bundle.ts';
import { fromBase64, toBase64 } from '../../src/crypto/primitives/base64.ts';
import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { isCryptoError } from '../../src/crypto/primitives/errors.ts';
import { systemRandom as random } from '../../src/crypto/primitives/random.ts';
import { Secret } from '../../src/crypto/primitives/secret.ts';
import { TableSeal } from '../../src/vault/record-seal.ts';
import type { BenchArea } from '../harness.ts';

/** Best of so many: what refusing costs, not what else the machine does in that moment. */
const TRIES = 5;

/** Something that arrives, and what takes it in: throws a named error for every changed byte. */
type Target = {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly take: (bytes: Uint8Array) => unknown;
};

/** Frames of all kinds: opening, repeated, turning the ratchet, and in the middle of a chain. */
const frames = (): Target[] => {
  const [alice, bob] = [new Party('alice'), new Party('bob')];
  alice.open(bob.device, bob.bundle());
  const opening = alice.send(bob.device, 'opens');
  const take = (party: Party, from: Party) => (bytes: Uint8Array) => party.tryReceive(from.device, bytes);
  const [carol, dave] = [new Party('carol'), new Party('dave')];
  carol.open(dave.device, dave.bundle());
  dave.receive(carol.device, carol.send(dave.device, 'one'));
  const repeated = carol.send(dave.device, 'two');
  const [erin, frank] = [new Party('erin'), new Party('frank')];
  erin.open(frank.device, frank.bundle());
  frank.receive(erin.device, erin.send(frank.device, 'hello'));
  erin.receive(frank.device, frank.send(erin.device, 'hello'));
  const turning = erin.send(frank.device, 'turns');
  const [gil, hal] = [new Party('gil'), new Party('hal')];
  gil.open(hal.device, hal.bundle());
  hal.receive(gil.device, gil.send(hal.device, 'hello'));
  gil.receive(hal.device, hal.send(gil.device, 'hello'));
  hal.receive(gil.device, gil.send(hal.device, 'turns'));
  const next = gil.send(hal.device, 'next');
  return [
    { name: 'opening', bytes: opening, take: take(bob, alice) },
    { name: 'repeated', bytes: repeated, take: take(dave, carol) },
    { name: 'turning', bytes: turning, take: take(frank, erin) },
    { name: 'next', bytes: next, take: take(hal, gil) },
  ];
};

const groupMessage = (): Target => {
  const device = generateEd25519(random);
  const key = newGroupKey(random);
  const room = '!room:example.org';
  const kc = commitment(key, room, 0);
  const header = { device_id: 'ALICE', kid: 'k'.repeat(22), g: 0, kc, after: null };
  const chain = () => new SenderChain(key, salt, '@alice:example.org', 'ALICE');
  const salt = random(SALT_BYTES);
  const body = {
    ...{ room, sender: '@alice:example.org', device: 'ALICE', seen: [], adds: [] },
    ...{ type: 'm.room.message', content: { body: 'exact' } },
  };
  const sealed = sealMessage(header, { salt, n: 0 }, body, chain(), device.secret);
  const take = (bytes: Uint8Array): boolean => {
    const message = { ...sealed, ciphertext: toBase64(bytes) };
    const frame = readFrame(message.ciphertext);
    // The chain is the one that a changed salt would name.
    const made = new SenderChain(key, frame.salt, '@alice:example.org', 'ALICE');
    return verifyMessage(openMessage(message, frame, made), device.public);
  };
  return { name: 'group', bytes: fromBase64(sealed.ciphertext), take };
};

/** Each key of a claimed bundle. */
const keys = (): Target[] => {
  const bob = new Party('bob');
  const { oneTime, fallback } = bob.publish(1);
  const claimed = { ...oneTime, ...fallback };
  return Object.entries(claimed).map(([keyId, value]) => {
    const object = value as { readonly key: string };
    const take = (bytes: Uint8Array) =>
      verifyBundle({
        ...{ device: bob.device, now: bob.now, newestSignedDay: 0 },
        claimed: { ...claimed, [keyId]: { ...object, key: toBase64(bytes) } },
      });
    return { name: keyId.slice(0, keyId.indexOf(':')), bytes: fromBase64(object.key), take };
  });
};

/** A session as the vault keeps it. */
const record = (): Target => {
  const [alice, bob] = [new Party('alice'), new Party('bob')];
  const session = encodeSession(alice.open(bob.device, bob.bundle()));
  const seal = new TableSeal(Secret.take('vault-kek', random(32)), 'sessions');
  const sealed = seal.seal('bob', 1, session, random);
  return { name: 'record', bytes: sealed.body, take: (body) => seal.open({ ...sealed, body }) };
};

/** Microseconds until the change of a byte is refused. Throws when it is taken, or refused without a name. */
const refusal = ({ name, take }: Target, bad: Uint8Array, at: number): number => {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES; i++) {
    const start = performance.now();
    let code: string | undefined;
    try {
      take(bad);
    } catch (error) {
      if (!isCryptoError(error)) throw error;
      code = error.code;
    }
    best = Math.min(best, performance.now() - start);
    if (code === undefined) throw new Error(`${name}: byte ${at} changed and taken`);
  }
  return best * 1000;
};

/** What refusing costs, over every byte of every frame, key and record. */
export const mutationArea: BenchArea = ({ quick }) => {
  const costs: number[] = [];
  for (const target of [...frames(), groupMessage(), ...keys(), record()])
    for (let at = 0; at < target.bytes.length; at += quick ? 97 : 1) {
      const bad = target.bytes.slice();
      bad[at] = (bad[at] ?? 0) ^ 0x01;
      costs.push(refusal(target, bad, at));
    }
  costs.sort((a, b) => a - b);
  return Promise.resolve([
    { key: 'mutation_us_p50', value: costs[costs.length >> 1] ?? Number.NaN, unit: 'us' },
    { key: 'mutation_us', value: costs.at(-1) ?? Number.NaN, unit: 'us', target: { atMost: 1000 } },
  ]);
};
