import type { Content } from '../types.ts';

export type OutboxEntry = {
  txnId: string;
  roomId: string;
  kind: 'event' | 'redaction';
  type: string;
  content: Content;
  /** Creation time, ms: order within the room. */
  createdAt: number;
  attempts: number;
  state: 'queued' | 'failed';
  /** Stable code of why it failed. */
  error: string | undefined;
};

/** Where unsent events lie. They are what was written, in clear: whatever stands behind this seals them. */
export interface OutboxStore {
  load(): Promise<OutboxEntry[]>;
  /** Resolves when it is safe on disk. */
  put(entry: OutboxEntry): Promise<void>;
  remove(txnId: string): Promise<void>;
}
