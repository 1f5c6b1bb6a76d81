/**
 * Signed membership (e2ee.md section 3): an invite, join or kick carries the actor's device signature in the member
 * event's content, so that a member whom the server invented is recognised and gets no keys.
 */
import * as z from 'zod/mini';
import { fromBase64, toBase64 } from '../primitives/base64.ts';
import { Writer } from '../primitives/codec.ts';
import { ed25519Sign, ed25519Verify, type Ed25519Secret } from '../primitives/ed25519.ts';
import { NAMESPACE } from '../primitives/names.ts';

/** Key in the content of `m.room.member` that holds the proof of this very change. */
export const PROOF_KEY = `${NAMESPACE}.membership`;
/** Key that holds the invitation a join rests on. */
export const INVITE_PROOF_KEY = `${NAMESPACE}.invite`;
/** Key that holds invitations confirmed afterwards by a member, in that member's own event. */
export const VOUCHES_KEY = `${NAMESPACE}.vouches`;
/** Vouches read from one member event. */
export const MAX_VOUCHES = 100;

const proof = z.object({
  membership: z.enum(['invite', 'join', 'leave', 'ban']),
  /** Who acts, with which device; for whom. */
  actor: z.string().check(z.maxLength(255)),
  device: z.string().check(z.maxLength(255)),
  target: z.string().check(z.maxLength(255)),
  /** Milliseconds: a later join of the same user must be newer than the one that ended. */
  at: z.number().check(z.int(), z.nonnegative()),
  signature: z.string().check(z.length(86)),
});
export type SignedProof = z.infer<typeof proof>;

export const proofContentSchema = z.object({
  membership: z.enum(['join', 'invite', 'knock', 'leave', 'ban']),
  [PROOF_KEY]: z.catch(z.optional(proof), undefined),
  [INVITE_PROOF_KEY]: z.catch(z.optional(proof), undefined),
  [VOUCHES_KEY]: z.catch(z.optional(z.array(proof).check(z.maxLength(MAX_VOUCHES))), undefined),
});

export type MemberContent = {
  readonly membership: 'join' | 'invite' | 'knock' | 'leave' | 'ban';
  readonly proof: SignedProof | undefined;
  readonly invite: SignedProof | undefined;
  readonly vouches: readonly SignedProof[];
};

/** Content of a member event, or undefined when it is not one. */
export function readMemberContent(content: unknown): MemberContent | undefined {
  const parsed = proofContentSchema.safeParse(content);
  if (!parsed.success) return undefined;
  return {
    membership: parsed.data.membership,
    proof: parsed.data[PROOF_KEY],
    invite: parsed.data[INVITE_PROOF_KEY],
    vouches: parsed.data[VOUCHES_KEY] ?? [],
  };
}

type Claim = Omit<SignedProof, 'signature'>;

/** Signs a membership change in `roomId` with the actor's device key. */
export function signProof(roomId: string, claim: Claim, secret: Ed25519Secret): SignedProof {
  return { ...claim, signature: toBase64(ed25519Sign(secret, proofBytes(roomId, claim))) };
}

/** Whether the proof's signature is by this Ed25519 key (base64). Says nothing about whose key it is. */
export function verifyProof(roomId: string, signed: SignedProof, ed25519: string): boolean {
  try {
    return ed25519Verify(fromBase64(ed25519), proofBytes(roomId, signed), fromBase64(signed.signature));
  } catch {
    return false;
  }
}

const proofBytes = (roomId: string, claim: Claim): Uint8Array =>
  new Writer()
    .text(`${NAMESPACE}/membership/1`)
    .text(roomId)
    .text(claim.membership)
    .text(claim.actor)
    .text(claim.device)
    .text(claim.target)
    .u64(claim.at)
    .finish();
