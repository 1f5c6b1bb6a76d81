import { MongoDeviceInbox } from '../../src/storage/mongo/keys/mongo-device-inbox.ts';
import type { Foundation } from '../../src/wiring/foundation.ts';

const SENDERS = 16;
const DEVICES = 100;
const PER_REQUEST = 20;
const PAGE = 100;

/** Messages per second stored for devices and then read and acknowledged by them, a hundred at a time. */
export const benchToDevice = async (
  { db, stream, notifier }: Foundation,
  messages: number,
): Promise<number> => {
  const inbox = new MongoDeviceInbox({ db, stream, notifier });
  const content = { algorithm: 'm.olm.v1.curve25519-aes-sha2', ciphertext: 'A'.repeat(1_000) };
  const requests = Math.ceil(messages / PER_REQUEST);
  const device = (index: number) => ({ userId: `@to${index % DEVICES}:bench.example`, deviceId: 'D' });
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: SENDERS }, async () => {
      while (next < requests) {
        const request = next++;
        await inbox.put(
          Array.from({ length: PER_REQUEST }, (_, index) => ({
            to: device(request * PER_REQUEST + index),
            sender: '@from:bench.example',
            type: 'm.room.encrypted',
            content,
            dedupeKey: `r${request}i${index}`,
          })),
        );
      }
    }),
  );
  const upTo = stream.mark();
  let read = 0;
  await Promise.all(
    Array.from({ length: DEVICES }, async (_, index) => {
      for (let after = 0; ;) {
        const page = await inbox.read(device(index), after, upTo, PAGE);
        read += page.messages.length;
        after = page.through;
        await inbox.acknowledge(device(index), after);
        if (page.messages.length < PAGE) return;
      }
    }),
  );
  const seconds = (performance.now() - start) / 1_000;
  if (read < requests * PER_REQUEST) throw new Error(`only ${read} messages arrived`);
  return read / seconds;
};
