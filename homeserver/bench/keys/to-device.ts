import type { BenchClient } from './http.ts';
import { inParallel } from './http.ts';

const SENDERS = 8;
const DEVICES = 100;
const PER_REQUEST = 100;

/**
 * Messages per second through the client API: sent by PUT /sendToDevice, a hundred devices at a time as a client shares
 * a group key, then read and acknowledged by the devices' syncs, a hundred at a time.
 */
export const benchToDevice = async (client: BenchClient, messages: number): Promise<number> => {
  const sender = await client.register('sender');
  const devices = await inParallel(DEVICES, SENDERS, async (index) => {
    const session = await client.register(`reader${index}`);
    const { next_batch: since = '' } = await client.call(session.token, 'GET', '/sync?timeout=0');
    return { ...session, since };
  });
  const content = { algorithm: 'm.olm.v1.curve25519-aes-sha2', ciphertext: 'A'.repeat(1_000) };
  const body = {
    messages: Object.fromEntries(
      devices.slice(0, PER_REQUEST).map(({ userId, deviceId }) => [userId, { [deviceId]: content }]),
    ),
  };
  const requests = Math.ceil(messages / PER_REQUEST);
  const start = performance.now();
  await inParallel(requests, SENDERS, (index) =>
    client.call(sender.token, 'PUT', `/sendToDevice/m.room.encrypted/t${index}`, body),
  );
  let read = 0;
  await inParallel(DEVICES, SENDERS, async (index) => {
    const device = devices[index];
    for (let since = device?.since ?? ''; ;) {
      const answer = await client.call(device?.token ?? '', 'GET', `/sync?timeout=0&since=${since}`);
      const count = answer.to_device?.events.length ?? 0;
      read += count;
      since = answer.next_batch ?? '';
      if (count === 0) return;
    }
  });
  const seconds = (performance.now() - start) / 1_000;
  if (read !== requests * PER_REQUEST)
    throw new Error(`${read} messages arrived of ${requests * PER_REQUEST}`);
  return read / seconds;
};
