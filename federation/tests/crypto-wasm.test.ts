import { DeviceId, OlmMachine, RequestType, UserId, initAsync } from '@matrix-org/matrix-sdk-crypto-wasm';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseJsonObject } from '../src/json/parse.ts';
import type { JsonObject } from '../src/json/value.ts';
import { ownObject, ownString } from '../src/json/value.ts';
import { SigningKey, VerifyKey } from '../src/signing/keys.ts';
import { jsonSignedInput, withSignature } from '../src/signing/sign-json.ts';
import { verifyJson } from '../src/signing/verify-json.ts';

const BOB = '@bob:example.org';
const DEVICE = 'BOBDEVICE';

beforeAll(async () => initAsync());

/** A machine that has just asked for Bob's devices and got this answer. */
async function machineTold(deviceKeys: JsonObject): Promise<OlmMachine> {
  const machine = await OlmMachine.initialize(new UserId('@alice:example.org'), new DeviceId('ALICE'));
  await machine.updateTrackedUsers([new UserId(BOB)]);
  for (const request of await machine.outgoingRequests()) {
    if (request.type !== RequestType.KeysQuery || request.id === undefined) continue;
    const answer = { device_keys: { [BOB]: { [DEVICE]: deviceKeys } }, failures: {} };
    await machine.markRequestAsSent(request.id, RequestType.KeysQuery, JSON.stringify(answer));
  }
  return machine;
}

describe('signed JSON and matrix-sdk-crypto-wasm', () => {
  const key = SigningKey.fromSeed(DEVICE, Buffer.alloc(32, 3));
  const unsigned: JsonObject = {
    user_id: BOB,
    device_id: DEVICE,
    algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
    keys: {
      [`ed25519:${DEVICE}`]: key.publicKey,
      [`curve25519:${DEVICE}`]: 'mNjrYxuDLGkcXFnYl6XjXnGPGb+JuVsLjMRlOZ0Nbxk',
    },
    'org.example.ünï': ['\u{1f600}', { '\u{ff61}': 1, '\u{1f600}': 2 }],
  };
  const sign = (object: JsonObject) =>
    withSignature(object, BOB, key.keyId, key.sign(jsonSignedInput(object)));

  test('it takes what we signed', async () => {
    const machine = await machineTold(sign(unsigned));
    const device = await machine.getDevice(new UserId(BOB), new DeviceId(DEVICE));
    expect(device?.ed25519Key?.toBase64()).toBe(key.publicKey);
  });

  test('it refuses it once a byte is touched', async () => {
    const machine = await machineTold({ ...sign(unsigned), 'org.example.ünï': [] });
    expect(await machine.getDevice(new UserId(BOB), new DeviceId(DEVICE))).toBeUndefined();
  });

  test('we take what it signed, and refuse it once a byte is touched', async () => {
    const machine = await OlmMachine.initialize(new UserId(BOB), new DeviceId(DEVICE));
    const upload = (await machine.outgoingRequests()).find(({ type }) => type === RequestType.KeysUpload);
    const body = upload && 'body' in upload ? upload.body : '{}';
    const deviceKeys = ownObject(parseJsonObject(body), 'device_keys') ?? {};
    const published = ownString(ownObject(deviceKeys, 'keys') ?? {}, `ed25519:${DEVICE}`) ?? '';
    const keys = () => VerifyKey.fromBase64(published);
    expect(verifyJson(deviceKeys, BOB, keys)).toEqual({ ok: true });
    expect(verifyJson({ ...deviceKeys, algorithms: [] }, BOB, keys)).toEqual({
      ok: false,
      problem: 'invalid',
    });
  });
});
