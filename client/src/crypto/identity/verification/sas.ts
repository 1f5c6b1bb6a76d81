/** The mathematics of `m.sas.v1` (spec: "Short Authentication String (SAS) verification"); no messages, no state. */
import { fromBase64, toBase64 } from '../../primitives/base64.ts';
import { equalBytes, utf8 } from '../../primitives/bytes.ts';
import { hmacSha256, sha256 } from '../../primitives/hash.ts';
import { hkdfSha256 } from '../../primitives/hkdf.ts';
import type { SharedSecret } from '../../primitives/x25519.ts';
import { canonicalJson } from '../canonical-json.ts';
import { SAS_EMOJI, type SasEmoji } from './emoji-table.ts';

export type SasParty = { readonly userId: string; readonly deviceId: string };
/** A party and its ephemeral key, unpadded base64. */
export type SasKeyParty = SasParty & { readonly key: string };

/** What the accepting side commits to before it has seen the other key. */
export const sasCommitment = (key: string, startContent: Readonly<Record<string, unknown>>): string =>
  toBase64(sha256(utf8(key + canonicalJson(startContent))));

/** The seven emoji both sides must see: 42 bits bound to both identities, both keys and the transaction. */
export const sasEmoji = (
  shared: SharedSecret,
  starter: SasKeyParty,
  accepter: SasKeyParty,
  transactionId: string,
): readonly SasEmoji[] => {
  const party = ({ userId, deviceId, key }: SasKeyParty): string => `${userId}|${deviceId}|${key}`;
  const info = `MATRIX_KEY_VERIFICATION_SAS|${party(starter)}|${party(accepter)}|${transactionId}`;
  const bytes = hkdfSha256({ ikm: shared.expose(), info: utf8(info), length: 6 });
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  return Array.from({ length: 7 }, (_, i) => {
    const number = Number((bits >> BigInt(42 - 6 * i)) & 63n);
    return SAS_EMOJI[number] ?? { number, emoji: '', name: '' };
  });
};

export type SasMacs = { readonly mac: Readonly<Record<string, string>>; readonly keys: string };

const macOf = (shared: SharedSecret, info: string, text: string): string => {
  const key = hkdfSha256({ ikm: shared.expose(), info: utf8(info), length: 32 });
  const mac = toBase64(hmacSha256(key, utf8(text)));
  key.fill(0);
  return mac;
};

const baseInfo = (from: SasParty, to: SasParty, transactionId: string): string =>
  `MATRIX_KEY_VERIFICATION_MAC${from.userId}${from.deviceId}${to.userId}${to.deviceId}${transactionId}`;

/** `hkdf-hmac-sha256.v2` over keys (id -> unpadded base64) that `from` shows to `to`. */
export const sasMacs = (
  shared: SharedSecret,
  from: SasParty,
  to: SasParty,
  transactionId: string,
  keys: Readonly<Record<string, string>>,
): SasMacs => {
  const base = baseInfo(from, to, transactionId);
  const ids = Object.keys(keys).sort();
  return {
    mac: Object.fromEntries(ids.map((id) => [id, macOf(shared, base + id, keys[id] ?? '')])),
    keys: macOf(shared, `${base}KEY_IDS`, ids.join(',')),
  };
};

const sameMac = (a: string, b: string): boolean => {
  try {
    return equalBytes(fromBase64(a), fromBase64(b));
  } catch {
    return false;
  }
};

/** Keys listed by a peer at most: its device key and its master key. */
const MAX_MAC_KEYS = 32;

/**
 * Checks a peer's MACs against the keys we know it by. Returns the ids that hold; undefined when the list or any key
 * that we know is not what the peer has.
 */
export const checkSasMacs = (
  shared: SharedSecret,
  from: SasParty,
  to: SasParty,
  transactionId: string,
  shown: SasMacs,
  known: Readonly<Record<string, string>>,
): readonly string[] | undefined => {
  const base = baseInfo(from, to, transactionId);
  const ids = Object.keys(shown.mac).sort();
  if (ids.length > MAX_MAC_KEYS || !sameMac(macOf(shared, `${base}KEY_IDS`, ids.join(',')), shown.keys))
    return undefined;
  const held: string[] = [];
  for (const id of ids) {
    const key = Object.hasOwn(known, id) ? known[id] : undefined;
    if (key === undefined) continue;
    if (!sameMac(macOf(shared, base + id, key), shown.mac[id] ?? '')) return undefined;
    held.push(id);
  }
  return held;
};
