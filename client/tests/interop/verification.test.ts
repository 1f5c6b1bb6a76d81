import {
  DeviceId,
  initAsync,
  Qr,
  QrCodeScan,
  Sas,
  UserId,
  VerificationMethod,
} from '@matrix-org/matrix-sdk-crypto-wasm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';

import type { VerificationState } from '../../src/crypto/engine/protocol/flows.ts';
import { loadSodium } from '../../src/crypto/primitives/sodium.ts';
import { SimClient, SimClock } from '../../src/crypto/testing/sim-client.ts';
import { SimServer } from '../../src/crypto/testing/sim-server.ts';
import { RustPeer } from './rust-peer.ts';

const METHODS = [
  VerificationMethod.SasV1,
  VerificationMethod.QrCodeShowV1,
  VerificationMethod.QrCodeScanV1,
  VerificationMethod.ReciprocateV1,
];

let ours: SimClient;
let rust: RustPeer;

beforeAll(async () => {
  await loadSodium();
  await initAsync();
});

beforeEach(async () => {
  const server = new SimServer();
  const clock = new SimClock();
  // The Rust SDK reads the machine's clock.
  clock.now = Date.now();
  ours = await SimClient.start(server, clock, '@ours:one.test', 'OURS');
  rust = await RustPeer.start(server, '@rust:one.test', 'RUST');
  await rust.follow(ours.userId);
});

const settle = async (): Promise<void> => {
  for (let i = 0; i < 6; i++) {
    await ours.settle();
    await rust.sync();
  }
};

const last = (): VerificationState => {
  const states = ours.notices.flatMap((notice) => (notice.kind === 'verification' ? [notice.state] : []));
  const state = states.at(-1);
  if (state === undefined) throw new Error('no verification');
  return state;
};

const trust = async (): Promise<string> =>
  (await ours.host.call('userIdentity', { userId: rust.userId })).trust;

/** The Rust SDK asks, we accept. */
const askedByRust = async (): Promise<string> => {
  const device = await rust.machine.getDevice(new UserId(ours.userId), new DeviceId(ours.deviceId));
  if (device === undefined) throw new Error('the Rust SDK does not know our device');
  const [, request] = device.requestVerification(METHODS);
  await rust.send(request);
  await settle();
  const { flowId } = last();
  await ours.host.call('acceptVerification', { flowId });
  await settle();
  return flowId;
};

/** We ask, the Rust SDK accepts. */
const askedByUs = async (): Promise<string> => {
  await ours.host.call('startVerification', { userId: rust.userId, deviceId: rust.deviceId });
  await settle();
  const answer = rust.request(ours.userId).acceptWithMethods(METHODS);
  if (answer === undefined) throw new Error('the Rust SDK did not accept');
  await rust.send(answer);
  await settle();
  return last().flowId;
};

const rustSas = (): Sas => {
  const verification = rust.request(ours.userId).getVerification();
  if (!(verification instanceof Sas)) throw new Error('no SAS');
  return verification;
};

const compareAndConfirm = async (flowId: string): Promise<void> => {
  const theirs = rustSas().emoji();
  expect(last().emoji?.map(({ emoji, name }) => `${emoji} ${name}`)).toEqual(
    theirs?.map(({ symbol, description }) => `${symbol} ${description}`),
  );
  expect(theirs).toHaveLength(7);
  await ours.host.call('confirmEmoji', { flowId, match: true });
  await settle();
  for (const request of await rustSas().confirm()) await rust.send(request);
  await settle();
  expect(last().phase).toBe('done');
  expect(await trust()).toBe('verified');
  expect(await rust.trusts(ours.userId)).toBe(true);
};

describe('verification with the Rust SDK', () => {
  it('by emoji, started by it', async () => {
    const flowId = await askedByRust();
    const started = await rust.request(ours.userId).startSas();
    if (started === undefined) throw new Error('not ready');
    await rust.send(started[1]);
    await settle();
    await compareAndConfirm(flowId);
  });

  it('by emoji, started by us', async () => {
    const flowId = await askedByUs();
    await ours.host.call('startEmoji', { flowId });
    await settle();
    const accept = rustSas().accept();
    if (accept !== undefined) await rust.send(accept);
    await settle();
    await compareAndConfirm(flowId);
  });

  it('by a QR code that we show', async () => {
    // It has pinned our master key by following us; we have pinned its by asking.
    const flowId = await askedByUs();
    const { payload } = await ours.host.call('showQr', { flowId });
    const qr = await rust
      .request(ours.userId)
      .scanQrCode(QrCodeScan.fromBytes(new Uint8ClampedArray(payload)));
    const reciprocate = qr.reciprocate();
    if (reciprocate === undefined) throw new Error('not scanned');
    await rust.send(reciprocate);
    await settle();
    expect(last().phase).toBe('qr-scanned');
    await ours.host.call('confirmScanned', { flowId });
    await settle();
    expect(last().phase).toBe('done');
    expect([await trust(), await rust.trusts(ours.userId)]).toEqual(['verified', true]);
  });

  it('by a QR code that it shows', async () => {
    const flowId = await askedByUs();
    const qr = await rust.request(ours.userId).generateQrCode();
    if (!(qr instanceof Qr)) throw new Error('no QR code');
    await ours.host.call('scanQr', { flowId, payload: Uint8Array.from(qr.toBytes()) });
    await settle();
    expect(qr.hasBeenScanned()).toBe(true);
    const confirm = qr.confirmScanning();
    if (confirm !== undefined) await rust.send(confirm);
    await settle();
    expect(last().phase).toBe('done');
    expect([await trust(), await rust.trusts(ours.userId)]).toEqual(['verified', true]);
  });
});
