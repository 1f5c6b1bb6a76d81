import type { Op } from './op.ts';
import type { Purpose } from './purpose.ts';
import { enqueue } from './requests.ts';

type Messages = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Largest request body in bytes: servers accept 64 KiB. */
const MAX_BODY = 60_000;

/** Queues to-device messages (user -> device -> content), split so that no request is too large. */
export function sendToDevices(op: Op, type: string, messages: Messages, purpose: Purpose): void {
  let batch: Record<string, Record<string, unknown>> = {};
  let size = 0;
  const flush = (): void => {
    if (size === 0) return;
    enqueue(
      op,
      {
        kind: 'toDevice',
        method: 'PUT',
        path: (id) => `/_matrix/client/v3/sendToDevice/${encodeURIComponent(type)}/${id}`,
        body: { messages: batch },
      },
      purpose,
    );
    batch = {};
    size = 0;
  };
  for (const [userId, devices] of Object.entries(messages))
    for (const [deviceId, content] of Object.entries(devices)) {
      const bytes = JSON.stringify(content).length + deviceId.length + userId.length + 8;
      if (size > 0 && size + bytes > MAX_BODY) flush();
      batch[userId] = { ...batch[userId], [deviceId]: content };
      size += bytes;
    }
  flush();
}
