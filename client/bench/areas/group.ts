import sodium from 'libsodium-wrappers-sumo';

import { commitment, newGroupKey } from '../../src/crypto/group/epoch.ts';
import {
  type GroupBody,
  type GroupContent,
  type GroupHeader,
  openMessage,
  readFrame,
  sealMessage,
  verifyMessage,
} from '../../src/crypto/group/message.ts';
import { CHAIN_LENGTH, SALT_BYTES, SenderChain } from '../../src/crypto/group/sender-chain.ts';
import { generateEd25519 } from '../../src/crypto/primitives/ed25519.ts';
import { systemRandom as random } from '../../src/crypto/primitives/random.ts';
import { type BenchArea, time, timeTogether } from '../harness.ts';

const USER = '@alice:example.org';
const DEVICE = 'ALICEDEVICE';
const ROOM = '!room:example.org';
/** A text message of ordinary length: its padded body is one kilobyte. */
const CONTENT = { msgtype: 'm.text', body: 'x'.repeat(200) };

/** What libsodium must do for one such message: derive its key, open a kilobyte, verify the signature. */
const floor = (): (() => void) => {
  const signer = sodium.crypto_sign_keypair();
  const signed = random(800);
  const signature = sodium.crypto_sign_detached(signed, signer.privateKey);
  const key = random(32);
  const nonce = random(24);
  const aad = random(150);
  const sealed = sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(random(1024), aad, null, nonce, key);
  const info = random(20);
  return () => {
    // HKDF-Expand to 88 bytes is three HMACs.
    for (let i = 0; i < 3; i++) sodium.crypto_auth_hmacsha256(info, key);
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(null, sealed, aad, nonce, key);
    sodium.crypto_sign_verify_detached(signature, signed, signer.publicKey);
  };
};

/** Group messages, signature included: sent, and read in the order in which they were sent. */
export const groupArea: BenchArea = async ({ quick }) => {
  const device = generateEd25519(random);
  const key = newGroupKey(random);
  const body: GroupBody = {
    room: ROOM,
    sender: USER,
    device: DEVICE,
    seen: ['$one', '$two', '$three'],
    adds: [],
    type: 'm.room.message',
    content: CONTENT,
  };
  const kc = commitment(key, ROOM, 0);
  const header: GroupHeader = { device_id: DEVICE, kid: 'k'.repeat(22), g: 0, kc, after: '$departure' };
  const salt = random(SALT_BYTES);
  const own = new SenderChain(key, salt, USER, DEVICE);
  const messages: GroupContent[] = Array.from({ length: CHAIN_LENGTH }, (_, n) =>
    sealMessage(header, { salt, n }, body, own, device.secret),
  );
  let at = 0;
  let chain = new SenderChain(key, salt, USER, DEVICE);
  const decrypt = (): void => {
    if (at === messages.length) {
      at = 0;
      chain = new SenderChain(key, salt, USER, DEVICE);
    }
    const message = messages[at++];
    if (message === undefined) return;
    const opened = openMessage(message, readFrame(message.ciphertext), chain);
    if (!verifyMessage(opened, device.public)) throw new Error('the signature does not hold');
  };
  const [ours = 1, least = 1] = timeTogether([decrypt, floor()], { quick });
  let n = 0;
  const seal = time(() => sealMessage(header, { salt, n: n++ % CHAIN_LENGTH }, body, own, device.secret), {
    quick,
  });
  return [
    { key: 'group_decrypt_per_s', value: 1000 / ours, unit: '/s' },
    { key: 'group_decrypt_ratio', value: least / ours, unit: '', target: { atLeast: 0.7 } },
    { key: 'group_encrypt_per_s', value: 1000 / seal, unit: '/s' },
  ];
};
