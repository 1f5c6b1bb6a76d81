/**
 * Epochs (e2ee.md section 3): one key per conversation and period. The epoch object names room, creator, roster and
 * the newest departure it already leaves out; the creator's device signs it, its hash is its name, and `kc`
 * commits to the key, so that nobody can be handed another key under the same name.
 */
import * as z from 'zod/mini';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { utf8 } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { ed25519Sign, ed25519Verify, type Ed25519Secret } from '../primitives/ed25519.ts';
import { blake2b } from '../primitives/hash.ts';
import { hkdfSha256 } from '../primitives/hkdf.ts';
import type { Random } from '../primitives/random.ts';
import { Secret } from '../primitives/secret.ts';
import { GroupError } from './errors.ts';

export const GROUP_KEY_BYTES = 32;
export const KID_BYTES = 16;
export const COMMITMENT_BYTES = 16;
/** Messages after which the next sender starts a new epoch. */
export const MAX_EPOCH_MESSAGES = 1_000;
/** Age after which the next sender starts a new epoch. */
export const MAX_EPOCH_AGE_MS = 7 * 24 * 60 * 60 * 1000;
/** Generations (groups of joins) in one epoch. Bounds what a made-up `g` can cost: under a millisecond. */
export const MAX_GENERATION = 100;
/** Users and devices in one roster. */
export const MAX_ROSTER_DEVICES = 20_000;

/** GK[g] of one epoch. */
export type GroupKey = Secret<'group-key'>;

/** Who has the key: user -> device -> Ed25519 key (base64). */
export type Roster = Readonly<Record<string, Readonly<Record<string, string>>>>;

export const rosterSchema = z.record(
  z.string().check(z.maxLength(255)),
  z.record(z.string().check(z.maxLength(255)), z.string().check(z.length(43))),
);

export const epochSchema = z.object({
  room: z.string().check(z.maxLength(255)),
  creator: z.string().check(z.maxLength(255)),
  device: z.string().check(z.maxLength(255)),
  /** Hash of the roster, base64 of 32 bytes. */
  roster: z.string().check(z.length(43)),
  after: z.nullable(z.string().check(z.maxLength(255))),
  time: z.number().check(z.int(), z.nonnegative()),
  /** kc[0], base64 of 16 bytes. */
  kc: z.string().check(z.length(22)),
});
export type Epoch = z.infer<typeof epochSchema>;

/** A fresh GK[0]. */
export const newGroupKey = (random: Random): GroupKey => Secret.take('group-key', random(GROUP_KEY_BYTES));

/** GK[g] from a lower generation. Throws OUT_OF_BOUNDS backwards or past MAX_GENERATION. */
export function generationKey(key: GroupKey, from: number, to: number): GroupKey {
  if (to < from || to > MAX_GENERATION) throw new GroupError('OUT_OF_BOUNDS', `generation ${to}`);
  let current = Secret.copy('group-key', key.expose());
  for (let g = from; g < to; g++) {
    const next = hkdfSha256({ ikm: current.expose(), info: utf8('chat.nyx/gen/1'), length: GROUP_KEY_BYTES });
    current.wipe();
    current = Secret.take('group-key', next);
  }
  return current;
}

/** kc[g]: what makes a planted key recognisable. */
export function commitment(key: GroupKey, room: string, g: number): string {
  const input = new Writer().text('chat.nyx/kc/1').text(room).u32(g).finish();
  return toBase64(blake2b(COMMITMENT_BYTES, input, key.expose()));
}

export function rosterHash(roster: Roster): string {
  const writer = new Writer(4096).text('chat.nyx/roster/1');
  const users = Object.keys(roster).sort();
  writer.list(users, (out, user) => {
    const devices = roster[user] ?? {};
    out
      .text(user)
      .list(Object.keys(devices).sort(), (w, device) => w.text(device).text(devices[device] ?? ''));
  });
  return toBase64(blake2b(32, writer.finish()));
}

export const rosterSize = (roster: Roster): number =>
  Object.values(roster).reduce((sum, devices) => sum + Object.keys(devices).length, 0);

/** The epoch's name: base64 of the first 16 bytes of its hash. */
export const epochKid = (epoch: Epoch): string => toBase64(blake2b(KID_BYTES, epochBytes(epoch)));

export const signEpoch = (epoch: Epoch, secret: Ed25519Secret): string =>
  toBase64(ed25519Sign(secret, epochBytes(epoch)));

export function verifyEpoch(epoch: Epoch, signature: string, ed25519: string): boolean {
  try {
    return ed25519Verify(fromBase64(ed25519), epochBytes(epoch), fromBase64(signature));
  } catch {
    return false;
  }
}

const epochBytes = (epoch: Epoch): Uint8Array =>
  new Writer()
    .text('chat.nyx/epoch/1')
    .text(epoch.room)
    .text(epoch.creator)
    .text(epoch.device)
    .text(epoch.roster)
    .optional(epoch.after ?? undefined, (out, after) => out.text(after))
    .u64(epoch.time)
    .text(epoch.kc)
    .finish();
