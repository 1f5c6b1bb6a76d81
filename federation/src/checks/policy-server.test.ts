import { expect, it } from 'vitest';
import { lookupInList } from '../auth/state-lookup.ts';
import type { JsonObject } from '../json/value.ts';
import { signedInput } from '../events/hash.ts';
import { withSignature } from '../signing/sign-json.ts';
import { parseServerName } from '../spec/identifiers/server-name.ts';
import { TestRoom, testSigner } from '../testing/event-factory.ts';
import { hasPolicySignature, needsPolicySignature, POLICY_KEY_ID, policyServerIn } from './policy-server.ts';

const policy = testSigner(parseServerName('policy.example'));
const room = new TestRoom();
const stateWith = (content: JsonObject) =>
  lookupInList([room.build({ type: 'm.room.policy', stateKey: '', sender: room.creator, content })]);

it('finds the policy server of a room, if its event is valid', () => {
  const content = { via: 'policy.example', public_keys: { ed25519: policy.key.publicKey } };
  expect(policyServerIn(stateWith(content))?.server).toBe('policy.example');
  expect(policyServerIn(() => undefined)).toBeUndefined();
  for (const bad of [
    {},
    { ...content, via: 7 },
    { ...content, via: 'no server' },
    { ...content, public_keys: {} },
    { ...content, public_keys: { ed25519: 'short' } },
  ]) {
    expect(policyServerIn(stateWith(bad))).toBeUndefined();
  }
});

it('takes the policy server’s signature and no other', () => {
  const found = policyServerIn(
    stateWith({ via: 'policy.example', public_keys: { ed25519: policy.key.publicKey } }),
  );
  if (!found) throw new Error('no policy server');
  const message = room.message(room.creator);
  const signature = policy.key.sign(signedInput(room.version, message.json));
  const signed = (server: string, keyId: string, by = signature) => ({
    ...message,
    json: withSignature(message.json, server, keyId, by),
  });
  expect(hasPolicySignature(room.version, message, found)).toBe(false);
  expect(hasPolicySignature(room.version, signed('policy.example', POLICY_KEY_ID), found)).toBe(true);
  expect(hasPolicySignature(room.version, signed('policy.example', 'ed25519:other'), found)).toBe(false);
  expect(hasPolicySignature(room.version, signed('a.example', POLICY_KEY_ID), found)).toBe(false);
  const forged = testSigner(parseServerName('e.example')).key.sign(signedInput(room.version, message.json));
  expect(hasPolicySignature(room.version, signed('policy.example', POLICY_KEY_ID, forged), found)).toBe(
    false,
  );
});

it('asks for no signature on the event that appoints policy servers', () => {
  expect(needsPolicySignature({ type: 'm.room.policy', stateKey: '' })).toBe(false);
  expect(needsPolicySignature({ type: 'm.room.policy', stateKey: 'x' })).toBe(true);
  expect(needsPolicySignature({ type: 'm.room.policy', stateKey: undefined })).toBe(true);
  expect(needsPolicySignature({ type: 'm.room.message', stateKey: undefined })).toBe(true);
});
