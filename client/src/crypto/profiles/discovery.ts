/** Finding somebody by exact user id (RFC 9497; `oprf.ts`, `card.ts`). What waits for an answer is kept in memory only. */
import type { Op } from '../engine/op.ts';
import { EngineError } from '../engine/engine-error.ts';
import { USERS } from '../engine/tables.ts';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { toHex, utf8 } from '../primitives/bytes.ts';
import { isCryptoError } from '../primitives/errors.ts';
import { cardKeys, openCard, sealCard, type Card, type CardKeys } from './card.ts';
import { ProfileError } from './errors.ts';
import { meet } from './invites.ts';
import { blindInput, finalize, type Blinded } from './oprf.ts';
import type { ScannedPerson } from '../engine/protocol/profiles.ts';

type LookUp = { readonly userId: string; readonly blinded: Blinded; keys?: CardKeys };

/** Look-ups under way; the oldest is dropped for a new one. */
const MAX_LOOK_UPS = 16;
const lookUps = new WeakMap<Op['memory'], Map<string, LookUp>>();

function allOf(op: Op): Map<string, LookUp> {
  const known = lookUps.get(op.memory);
  if (known !== undefined) return known;
  const made = new Map<string, LookUp>();
  lookUps.set(op.memory, made);
  return made;
}

function drop(op: Op, handle: string): void {
  const lookUp = allOf(op).get(handle);
  lookUp?.blinded.blind.wipe();
  lookUp?.keys?.key.wipe();
  allOf(op).delete(handle);
}

function require(op: Op, handle: string): LookUp {
  const found = allOf(op).get(handle);
  if (found === undefined) throw new EngineError('UNKNOWN_FLOW');
  return found;
}

function requireKeys(op: Op, handle: string): LookUp & { readonly keys: CardKeys } {
  const { keys, ...rest } = require(op, handle);
  if (keys === undefined) throw new EngineError('WRONG_PHASE');
  return { ...rest, keys };
}

export const discoveryHandlers = {
  discoveryBlind: (op: Op, { userId }: { readonly userId: string }) => {
    const all = allOf(op);
    for (const oldest of [...all.keys()].slice(0, Math.max(0, all.size - MAX_LOOK_UPS + 1))) drop(op, oldest);
    const handle = toHex(op.random(16));
    const blinded = blindInput(utf8(userId), op.random);
    all.set(handle, { userId, blinded });
    return { handle, element: toBase64(blinded.element) };
  },
  discoveryFinish: (
    op: Op,
    { handle, evaluated }: { readonly handle: string; readonly evaluated: string },
  ) => {
    const lookUp = require(op, handle);
    if (lookUp.keys !== undefined) throw new EngineError('WRONG_PHASE');
    try {
      lookUp.keys = cardKeys(finalize(lookUp.blinded, fromBase64(evaluated)));
    } catch (error) {
      if (isCryptoError(error)) throw new EngineError('BAD_MESSAGE', error.code);
      throw error;
    }
    return { id: lookUp.keys.id };
  },
  discoverySeal: (op: Op, { handle }: { readonly handle: string }) => {
    const { userId, keys } = requireKeys(op, handle);
    const masterKey = op.tx.get(USERS, op.self.userId)?.pinned;
    if (masterKey === undefined) throw new EngineError('IDENTITY_MISSING');
    // A row under another's name would never be found, and must not be made.
    if (userId !== op.self.userId) throw new EngineError('WRONG_PHASE', 'not our own id');
    const card = sealCard({ userId, masterKey: fromBase64(masterKey) }, keys.key, op.random);
    drop(op, handle);
    return { card };
  },
  discoveryOpen: (
    op: Op,
    { handle, rows }: { readonly handle: string; readonly rows: readonly { id: string; card: string }[] },
  ): { readonly found: ScannedPerson | undefined } => {
    const { userId, keys } = requireKeys(op, handle);
    const row = rows.find(({ id }) => id === keys.id);
    const card = row === undefined ? undefined : readCard(row.card, keys);
    drop(op, handle);
    // A server that answers with somebody else's row finds nobody.
    return { found: card?.userId === userId ? meet(op, userId, card.masterKey) : undefined };
  },
};

function readCard(text: string, { key }: CardKeys): Card | undefined {
  try {
    return openCard(text, key);
  } catch (error) {
    if (error instanceof ProfileError) return undefined;
    throw error;
  }
}
