/** The smallest page around the crypto worker: calls go through, requests are collected for the test to perform. */
import type { FromWorker } from '../../src/crypto/engine/protocol.ts';
import type { EngineNotice } from '../../src/crypto/engine/protocol/notices.ts';
import type { OutgoingRequest } from '../../src/crypto/engine/protocol/sync.ts';

declare global {
  interface Window {
    engine: { call: (op: string, args: unknown) => Promise<unknown> };
    notices: EngineNotice[];
    takeRequests: () => OutgoingRequest[];
  }
}

const requests: OutgoingRequest[] = [];
window.notices = [];
const worker = new Worker(new URL('../../src/workers/crypto.worker.ts', import.meta.url), { type: 'module' });
const waiting = new Map<number, { resolve: (result: unknown) => void; reject: (error: Error) => void }>();
let nextId = 1;
window.engine = {
  call: (op, args) =>
    new Promise((resolve, reject) => {
      const id = nextId++;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, op, args });
    }),
};
worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
  if ('notice' in data) {
    window.notices.push(data.notice);
    if (data.notice.kind === 'requests') requests.push(...data.notice.requests);
  } else if (data.ok) waiting.get(data.id)?.resolve(data.result);
  else waiting.get(data.id)?.reject(new Error(data.error.code));
};
window.takeRequests = () => requests.splice(0);
