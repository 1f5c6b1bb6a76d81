import type { Reader, Writer } from '../primitives/codec.ts';
import { CodecError } from '../primitives/errors.ts';
import { Secret } from '../primitives/secret.ts';
import { MAX_RECEIVING_CHAINS, MAX_SKIPPED_KEYS } from './bounds.ts';
import type { RatchetState, ReceivingChain, SkippedKey } from './state.ts';

const KEY = 32;

const writeKey = (writer: Writer, key: Secret): void => {
  writer.fixed(key.expose());
};

const readKey = <K extends string>(reader: Reader, kind: K): Secret<K> =>
  Secret.take(kind, reader.fixed(KEY));

const writeChain = (writer: Writer, chain: ReceivingChain): void => {
  writer.fixed(chain.dh).optional(chain.chainKey, writeKey).u32(chain.n);
  writer.optional(chain.end, (w, end) => w.u32(end)).optional(chain.closedAt, (w, at) => w.u64(at));
  writer.list(chain.skipped, (w, { n, key, at }) => w.u32(n).fixed(key.expose()).u64(at));
};

const readSkipped = (reader: Reader): SkippedKey => ({
  n: reader.u32(),
  key: readKey(reader, 'message-key'),
  at: reader.u64(),
});

const readChain = (reader: Reader): ReceivingChain => ({
  dh: reader.fixed(KEY),
  chainKey: reader.optional((r) => readKey(r, 'chain-key')),
  n: reader.u32(),
  end: reader.optional((r) => r.u32()),
  closedAt: reader.optional((r) => r.u64()),
  skipped: reader.list(MAX_SKIPPED_KEYS, readSkipped),
});

/** Appends a ratchet's state, secrets included. */
export const writeRatchet = (writer: Writer, state: RatchetState): void => {
  writer.fixed(state.root.expose()).fixed(state.own.secret.expose()).fixed(state.own.public);
  writer.optional(state.sending, (w, { chainKey, n }) => w.fixed(chainKey.expose()).u32(n));
  writer.u32(state.previousCount).list(state.receiving, writeChain);
  writer.optional(state.mixOnSend, writeKey).optional(state.mixOnReceive, writeKey);
};

/** Inverse of `writeRatchet`. @throws CodecError */
export const readRatchet = (reader: Reader): RatchetState => {
  const state: RatchetState = {
    root: readKey(reader, 'root-key'),
    own: { secret: readKey(reader, 'x25519'), public: reader.fixed(KEY) },
    sending: reader.optional((r) => ({ chainKey: readKey(r, 'chain-key'), n: r.u32() })),
    previousCount: reader.u32(),
    receiving: reader.list(MAX_RECEIVING_CHAINS, readChain),
    mixOnSend: reader.optional((r) => readKey(r, 'kem-shared')),
    mixOnReceive: reader.optional((r) => readKey(r, 'kem-shared')),
  };
  // Our turn can only be due after the peer has turned.
  if (state.sending === undefined && state.receiving.length === 0)
    throw new CodecError('BAD_VALUE', 'ratchet');
  return state;
};
