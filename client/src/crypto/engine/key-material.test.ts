/**
 * A plugin reaching for keys (e2ee.md section 5): nothing that the worker posts, whatever is asked of it, holds a
 * private key, a group key or the vault's seed; but for the words and the recovery key, which exist to be shown, and
 * which no answer but those named here carries.
 */
import { beforeAll, expect, expectTypeOf, it, vi } from 'vitest';
import { toBase64, toBase64Url } from '../primitives/base64.ts';
import { systemRandom } from '../primitives/random.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { Vault } from '../../vault/vault.ts';
import { webCryptoDeviceKeys } from '../../vault/webcrypto-device-key.ts';
import { PASSPHRASE, TEST_COST, type SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import {
  engineArgs,
  type EngineArgs,
  type EngineOp,
  type EngineResults,
  type FromWorker,
} from './protocol.ts';
import { serveEngine } from './serve-engine.ts';
import { PROFILE_KEYS } from '../profiles/tables.ts';
import { EPOCHS, SECRETS } from './tables.ts';

vi.setConfig({ testTimeout: 120_000 });
beforeAll(loadSodium);

/** Whose answers exist to show a secret to the person in front of the screen. */
type Showing = 'createVault' | 'recoveryWords' | 'recoveryKey' | 'secretCode';
const SHOWING: readonly EngineOp[] = ['createVault', 'recoveryWords', 'recoveryKey', 'secretCode'];

type Names<T> = T extends Uint8Array | string | number | boolean | undefined
  ? never
  : T extends readonly (infer Item)[]
    ? Names<Item>
    : { [K in keyof T & string]: K | Names<T[K]> }[keyof T & string];
type Telling = 'secret' | 'private' | 'seed' | 'words' | 'recoveryKey' | 'passphrase' | 'kek';

it('no other answer has a place for a secret', () => {
  expectTypeOf<Extract<Names<EngineResults[Exclude<EngineOp, Showing>]>, Telling>>().toEqualTypeOf<never>();
  // The test can fail: those that show something are caught by it.
  expectTypeOf<Extract<Names<EngineResults['recoveryKey']>, Telling>>().toEqualTypeOf<'recoveryKey'>();
});

/** Every secret in the vault of a client, opened from a copy of its store. */
async function secretsOf(client: SimClient): Promise<Uint8Array[]> {
  const deviceKeys = webCryptoDeviceKeys(crypto.subtle, systemRandom);
  const ports = { store: client.store, deviceKeys, random: systemRandom, cost: TEST_COST };
  const vault = await Vault.open(ports, PASSPHRASE);
  const tx = vault.begin();
  const found = tx.entries(SECRETS).map(([, secret]) => secret.expose().slice(0, 32));
  for (const [, { key }] of tx.entries(EPOCHS)) found.push(key.expose().slice());
  for (const [, key] of tx.entries(PROFILE_KEYS)) found.push(key.expose().slice());
  vault.close();
  return found;
}

/** All text and bytes of a message, in the forms in which a key could hide. */
const formsOf = (secret: Uint8Array): string[] => [
  toBase64(secret),
  toBase64Url(secret),
  Buffer.from(secret).toString('hex'),
  JSON.stringify([...secret]).slice(1, -1),
  JSON.stringify(Object.fromEntries(secret.entries())).slice(1, -1),
];

it('the worker posts no key, whatever it is asked', async () => {
  const world = new SimWorld();
  const [alice, bob] = await world.startAll('alice', 'bob');
  if (alice === undefined || bob === undefined) throw new Error('two');
  const posted: FromWorker[] = [];
  let last: EngineOp = 'status';
  const receive = serveEngine(alice.host, (message) => {
    if (!('id' in message) || !SHOWING.includes(last)) posted.push(structuredClone(message));
  });
  await world.room(alice, bob);
  await alice.host.call('profileSeal', { name: 'Alice', bio: '' });
  await alice.host.call('profileShare', { userIds: [bob.userId] });
  const event = await bob.send(ROOM, 'hello');
  await alice.send(ROOM, 'hello back');
  await world.settle();
  let id = 0;
  const ask = async (op: EngineOp, args: unknown): Promise<void> => {
    last = op;
    const mine = ++id;
    const before = posted.length;
    receive({ id: mine, op, args });
    if (SHOWING.includes(op)) await alice.settle();
    else
      await vi.waitFor(async () => {
        await alice.settle();
        expect(posted.slice(before).some((message) => 'id' in message && message.id === mine)).toBe(true);
      });
  };
  const useful: Partial<{ [Op in EngineOp]: EngineArgs<Op> }> = {
    userIdentity: { userId: bob.userId },
    signMembership: { roomId: ROOM, membership: 'invite', target: '@carol:one.test' },
    roomStatus: { roomId: ROOM },
    prepareRoom: { roomId: ROOM },
    encryptEvent: { roomId: ROOM, txnId: 'x', type: 'm.room.message', content: { body: 'text' } },
    decryptEvents: { roomId: ROOM, events: [event] },
    startVerification: { userId: bob.userId },
    localPut: { collection: 'drafts', put: [{ key: 'k', value: 'v' }] },
    localGet: { collection: 'drafts', keys: ['k'] },
    localList: { collection: 'drafts' },
    localClear: { collection: 'drafts' },
    encryptAttachment: { data: new Uint8Array(100) },
    profileSeal: { name: 'Alice', bio: '' },
    profileShare: { userIds: [bob.userId] },
    profileSealAvatar: { data: new Uint8Array(100), mimetype: 'image/webp' },
    discoveryBlind: { userId: bob.userId },
  };
  // What is forgotten could not be found.
  const never: readonly EngineOp[] = ['destroyVault', 'lock', 'profileForget'];
  for (const op of Object.keys(engineArgs) as EngineOp[])
    if (!never.includes(op) && !SHOWING.includes(op)) await ask(op, useful[op] ?? {});
  expect(posted.length).toBeGreaterThan(Object.keys(engineArgs).length - 10);
  const secrets = await secretsOf(alice);
  // Device, cross-signing, storage, backup, at least one group key and the profile key.
  expect(secrets.length).toBeGreaterThanOrEqual(9);
  const text = JSON.stringify(posted);
  for (const secret of secrets) for (const form of formsOf(secret)) expect(text.includes(form)).toBe(false);
});
