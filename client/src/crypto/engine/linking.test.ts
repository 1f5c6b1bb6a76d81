/** Linking a device by QR code: history and identity come along, and only over what the camera saw. */
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { toBase64 } from '../primitives/base64.ts';
import { loadSodium } from '../primitives/sodium.ts';
import { SimClient } from '../testing/sim-client.ts';
import { ROOM, SimWorld } from '../testing/sim-room.ts';
import type { LinkingState } from './protocol/flows.ts';

let world: SimWorld;
let old: SimClient;
let bob: SimClient;

beforeAll(loadSodium);
beforeEach(async () => {
  world = new SimWorld();
  old = await world.start('alice');
  bob = await world.start('bob');
  await world.room(old, bob);
});

const last = (client: SimClient): LinkingState | undefined =>
  client.notices.flatMap((notice) => (notice.kind === 'linking' ? [notice.state] : [])).at(-1);

/** A new device of Alice's that shows its code. */
const showing = async (): Promise<{ fresh: SimClient; payload: Uint8Array }> => {
  const fresh = new SimClient(world.server, world.clock, old.userId, 'NEW');
  world.server.addDevice(fresh.userId, 'NEW');
  await fresh.host.call('createVault', {
    userId: fresh.userId,
    deviceId: 'NEW',
    passphrase: 'other',
    linking: true,
  });
  world.clients.push(fresh);
  await world.settle();
  const { payload } = await fresh.host.call('startLinking', {});
  return { fresh, payload };
};

describe('linking a device', () => {
  it('brings the identity and the history, and the new device reads and writes', async () => {
    const before = await bob.send(ROOM, 'before');
    await world.settle();
    const { fresh, payload } = await showing();
    expect(await fresh.host.call('identityStatus', {})).toMatchObject({ crossSigning: 'locked' });
    expect(await old.host.call('approveLinking', { payload })).toEqual({ phase: 'found' });
    await world.settle();
    expect([last(old)?.phase, last(fresh)?.phase]).toEqual(['done', 'done']);
    expect(await fresh.host.call('identityStatus', {})).toMatchObject({
      crossSigning: 'ready',
      deviceSigned: true,
      backup: 'active',
    });
    expect(await fresh.text(ROOM, before)).toBe('before');
    const after = await bob.send(ROOM, 'after');
    await world.settle();
    expect(await fresh.text(ROOM, after)).toBe('after');
    const own = await fresh.send(ROOM, 'from the new one');
    await world.settle();
    expect([await bob.text(ROOM, own), await old.text(ROOM, own)]).toEqual([
      'from the new one',
      'from the new one',
    ]);
    expect((await bob.host.call('userIdentity', { userId: old.userId })).trust).toBe('pinned');
  });

  it('puts no secret and no binding secret on the wire', async () => {
    const { fresh, payload } = await showing();
    await old.host.call('approveLinking', { payload });
    await world.settle();
    expect(last(fresh)?.phase).toBe('done');
    const wire = JSON.stringify(world.server.seen.map(({ request }) => request.body));
    expect(wire).not.toContain('link_secrets');
    expect(wire).not.toContain(toBase64(payload.slice(-32)));
  });

  it('fails when the server shows another device under the name of the scanned one', async () => {
    const { fresh, payload } = await showing();
    const forged = payload.slice();
    // The camera saw another key than the server lists.
    const at = forged.length - 32 - 1;
    forged[at] = (forged[at] ?? 0) ^ 1;
    await old.host.call('approveLinking', { payload: forged });
    await world.settle();
    expect(last(old)).toEqual({ phase: 'failed', code: 'm.key_mismatch' });
    expect(last(fresh)?.phase).toBe('showing');
    expect(await fresh.host.call('identityStatus', {})).toMatchObject({ deviceSigned: false });
  });

  it('takes no secrets over a session that is not bound to the code shown', async () => {
    const { fresh, payload } = await showing();
    const guessed = payload.slice();
    guessed[guessed.length - 1] = (guessed.at(-1) ?? 0) ^ 1;
    await old.host.call('approveLinking', { payload: guessed });
    await world.settle();
    expect(last(old)?.phase).toBe('done');
    expect(last(fresh)?.phase).toBe('showing');
    expect(await fresh.host.call('identityStatus', {})).toMatchObject({ crossSigning: 'locked' });
  });

  it('voids a code that another replaced', async () => {
    const { fresh, payload } = await showing();
    await fresh.host.call('startLinking', {});
    await old.host.call('approveLinking', { payload });
    await world.settle();
    expect(last(fresh)?.phase).toBe('showing');
  });

  it('times out on both sides', async () => {
    const { fresh, payload } = await showing();
    world.server.removeDevice(fresh.userId, 'NEW');
    world.clients.splice(world.clients.indexOf(fresh), 1);
    await old.host.call('approveLinking', { payload });
    await world.settle();
    world.clock.advance(10 * 60 * 1000);
    await world.settle();
    await fresh.host.call('status', {});
    await old.host.call('status', {});
    expect(last(old)).toEqual({ phase: 'failed', code: 'm.timeout' });
    expect(last(fresh)).toEqual({ phase: 'failed', code: 'm.timeout' });
  });

  it('refuses codes that are damaged, of another account or of this very device', async () => {
    const { fresh, payload } = await showing();
    for (const bad of [
      new Uint8Array(0),
      payload.slice(1),
      payload.slice(0, -1),
      Uint8Array.of(...payload, 0),
    ])
      await expect(old.host.call('approveLinking', { payload: bad })).rejects.toThrow('BAD_QR');
    await expect(bob.host.call('approveLinking', { payload })).rejects.toThrow('BAD_QR');
    await expect(fresh.host.call('approveLinking', { payload })).rejects.toThrow('IDENTITY_MISSING');
    await expect(old.host.call('startLinking', {})).rejects.toThrow('WRONG_PHASE');
  });

  it('ends with an error when the new device has no prekeys to be had', async () => {
    const { payload } = await showing();
    world.server.tricks.answer = (request, answer) =>
      request.kind === 'keysClaim' ? { one_time_keys: {}, failures: {} } : answer;
    await old.host.call('approveLinking', { payload });
    await world.settle();
    expect(last(old)).toEqual({ phase: 'failed', code: 'NO_SESSION' });
  });
});
