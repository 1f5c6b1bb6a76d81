import type { Table } from '../../vault/table.ts';
import { fromUtf8, utf8 } from '../primitives/bytes.ts';
import { Reader, Writer } from '../primitives/codec.ts';
import { Secret } from '../primitives/secret.ts';
import { GROUP_KEY_BYTES, type Epoch, type GroupKey, type Roster } from './epoch.ts';
import type { Addition } from './message.ts';

/** An epoch whose key we hold. */
export type EpochRecord = {
  readonly kid: string;
  readonly epoch: Epoch;
  readonly signature: string;
  /** Undefined in large rooms until our own view has the same hash. */
  readonly roster: Roster | undefined;
  /** Devices added later, by messages of this epoch or by us. */
  readonly adds: readonly Addition[];
  /** Lowest generation held, and its key. */
  readonly g: number;
  readonly key: GroupKey;
  /** Highest generation seen in use or started by us. */
  readonly top: number;
  /** The key was checked against a commitment signed by its creator or by a message's sender. */
  readonly proven: boolean;
  /** Clock (ms) when a departure ended it; messages long after are shown as late. */
  readonly closedAt: number | undefined;
  /** Can take no more joiners (too many, or generations may have been used unseen): not sent under any more. */
  readonly full: boolean;
  /** From the backup: who wrote in it is vouched for by our own other devices. */
  readonly imported: boolean;
  /** Device keys vouched for by the backup: `user|device` -> Ed25519. */
  readonly vouched: Readonly<Record<string, string>>;
  /** Already in the server's backup with this generation. */
  readonly backedUp: boolean;
};

/** Additions kept per epoch; a room that grows faster starts a new epoch. */
export const MAX_ADDITIONS = 2_000;
const MAX_META_BYTES = 8 * 1024 * 1024;

/** Public part as JSON, the key behind it as bytes, so that it can be wiped. */
export const epochTable: Table<EpochRecord> = {
  name: 'epochs',
  cached: true,
  encode: ({ key, ...meta }) => {
    const json = utf8(JSON.stringify(meta));
    return new Writer(json.length + 64).bytes(json).fixed(key.expose()).finish();
  },
  decode: (bytes) => {
    const reader = new Reader(bytes);
    // Authenticated by the vault's seal: our own bytes.
    const meta = JSON.parse(fromUtf8(reader.bytes(MAX_META_BYTES))) as Omit<EpochRecord, 'key'>;
    const key = Secret.take('group-key', reader.fixed(GROUP_KEY_BYTES));
    reader.end();
    return { ...meta, key };
  },
  wipe: (record) => record.key.wipe(),
};
