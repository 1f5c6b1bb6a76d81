import sodium from 'libsodium-wrappers-sumo';

import { toHex } from '../../src/crypto/primitives/bytes.ts';
import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { systemRandom } from '../../src/crypto/primitives/random.ts';
import { wipeAll } from '../../src/crypto/primitives/secret.ts';
import { generateX25519 } from '../../src/crypto/primitives/x25519.ts';
import { type LocalDevice, publicDevice } from '../../src/crypto/pairwise/device.ts';
import { decodeFrame } from '../../src/crypto/pairwise/frame.ts';
import { encryptMessage } from '../../src/crypto/pairwise/messages.ts';
import { receiveFrame } from '../../src/crypto/pairwise/receive.ts';
import { openSession, type Session, sessionSecrets } from '../../src/crypto/pairwise/session.ts';
import { EMPTY_TABLE, enterOpened } from '../../src/crypto/pairwise/table.ts';
import { verifyBundle } from '../../src/crypto/prekeys/bundle.ts';
import {
  fallbackUpload,
  generateOneTimePrekeys,
  generateSignedPrekey,
  oneTimeUpload,
} from '../../src/crypto/prekeys/generate.ts';
import type { BenchArea, BenchRow } from '../harness.ts';
import { time, timeTogether } from '../harness.ts';

const NOW = Date.UTC(2026, 0, 1);
const random = systemRandom;

const device = (name: string): LocalDevice => ({
  userId: `@${name}:example.org`,
  deviceId: name.toUpperCase(),
  ed25519: generateEd25519(random),
  x25519: generateX25519(random),
});

type Server = { readonly bob: LocalDevice; readonly claimed: Record<string, unknown> };

const publish = () => {
  const bob = device('bob');
  const [oneTime] = generateOneTimePrekeys(1, 1, new Set(), random);
  if (oneTime === undefined) throw new Error('no prekey');
  const signed = generateSignedPrekey(new Set(), NOW, random);
  const claimed: Server['claimed'] = { ...oneTimeUpload(bob, [oneTime]), ...fallbackUpload(bob, signed) };
  return { bob, oneTime, signed, claimed };
};

/** Checks both signatures of a bundle and runs the initiator's side: four agreements, the KEM, the first turn. */
const handshake = (local: LocalDevice, { bob, claimed }: Server): Session => {
  const peer = publicDevice(bob);
  const bundle = verifyBundle({ device: peer, claimed, now: NOW, newestSignedDay: 0 });
  return openSession({ local, peer, bundle, now: NOW, random });
};

/** The same work as bare calls of libsodium's wrappers, and nothing between them. */
const handshakeFloor = (): (() => void) => {
  const own = sodium.crypto_box_keypair();
  const peer = sodium.crypto_box_keypair();
  const signer = sodium.crypto_sign_keypair();
  const kem = sodium.crypto_kem_mlkem768_keypair();
  const messages = [random(80), random(1700)];
  const signatures = messages.map((message) => sodium.crypto_sign_detached(message, signer.privateKey));
  return () => {
    for (const [i, message] of messages.entries())
      sodium.crypto_sign_verify_detached(signatures[i] ?? message, message, signer.publicKey);
    sodium.crypto_kem_mlkem768_enc(kem.publicKey);
    for (let i = 0; i < 2; i++) sodium.crypto_scalarmult_base(own.privateKey);
    // Four agreements of the handshake and one of the first turn.
    for (let i = 0; i < 5; i++) sodium.crypto_scalarmult(own.privateKey, peer.publicKey);
  };
};

const handshakeRows = (quick: boolean): BenchRow[] => {
  const local = device('alice');
  const server = publish();
  const [ours = 1, floor = 1] = timeTogether(
    [() => wipeAll(sessionSecrets(handshake(local, server))), handshakeFloor()],
    { quick, roundMs: 300 },
  );
  const peer = publicDevice(local);
  const opened = handshake(local, server);
  const content = random(200);
  const sent = encryptMessage({ local, session: opened, content, now: NOW, random });
  const frame = decodeFrame(sent.frame);
  const { bob, signed, oneTime } = server;
  const accept = (): void => {
    const input = {
      local: bob,
      peer,
      frame,
      table: EMPTY_TABLE,
      session: undefined,
      signed,
      oneTime,
      now: NOW,
    };
    wipeAll(sessionSecrets(receiveFrame(input).commit.session));
  };
  return [
    { key: 'handshake_per_s', value: 1000 / ours, unit: '/s' },
    { key: 'handshake_ratio', value: floor / ours, unit: '', target: { atLeast: 0.8 } },
    { key: 'accept_per_s', value: 1000 / time(accept, { quick }), unit: '/s' },
  ];
};

/** One message of 1 kB from encryption to decryption, on an answered session. */
const pairwiseRows = (quick: boolean): BenchRow[] => {
  const local = device('alice');
  const server = publish();
  const { bob, signed, oneTime } = server;
  const self = publicDevice(local);
  const peer = publicDevice(bob);
  const content = random(1024);
  let ours = handshake(local, server);
  let theirs: Session | undefined;
  let theirTable = EMPTY_TABLE;
  let ourTable = enterOpened(EMPTY_TABLE, toHex(ours.sid), NOW, 0).table;
  const deliver = (): void => {
    const sent = encryptMessage({ local, session: ours, content, now: NOW, random });
    ours = sent.session;
    wipeAll(sent.retired);
    const frame = decodeFrame(sent.frame);
    const input = {
      local: bob,
      peer: self,
      frame,
      table: theirTable,
      session: theirs,
      signed,
      oneTime,
      now: NOW,
    };
    const { commit } = receiveFrame(input);
    theirs = commit.session;
    theirTable = commit.table ?? theirTable;
    wipeAll(commit.retired);
  };
  const answer = (): void => {
    if (theirs === undefined) return;
    const sent = encryptMessage({ local: bob, session: theirs, content, now: NOW, random });
    theirs = sent.session;
    const frame = decodeFrame(sent.frame);
    const { commit } = receiveFrame({ local, peer, frame, table: ourTable, session: ours, now: NOW });
    ours = commit.session;
    ourTable = commit.table ?? ourTable;
  };
  deliver();
  answer();
  // Every 40 messages an answer, so that the chain does not run on one ratchet key alone.
  let count = 0;
  const both = time(
    () => {
      if (++count % 40 === 0) answer();
      deliver();
    },
    { quick },
  );
  let sending = ours;
  const encrypt = time(
    () => {
      const sent = encryptMessage({ local, session: sending, content, now: NOW, random });
      sending = sent.session;
      wipeAll(sent.retired);
    },
    { quick },
  );
  return [
    { key: 'pairwise_per_s', value: 1000 / both, unit: '/s', target: { atLeast: 10_000 } },
    { key: 'pairwise_encrypt_per_s', value: 1000 / encrypt, unit: '/s' },
    { key: 'pairwise_decrypt_per_s', value: 1000 / (both - encrypt), unit: '/s' },
  ];
};

const prekeyRows = (quick: boolean): BenchRow[] => {
  const local = device('alice');
  const batch = time(() => oneTimeUpload(local, generateOneTimePrekeys(100, 1, new Set(), random)), {
    quick,
  });
  return [{ key: 'prekey_batch_ms', value: batch, unit: 'ms', target: { atMost: 50 } }];
};

/** Handshakes, pairwise messages, prekey batches. */
export const pairwiseArea: BenchArea = async ({ quick }) => [
  ...handshakeRows(quick),
  ...pairwiseRows(quick),
  ...prekeyRows(quick),
];
