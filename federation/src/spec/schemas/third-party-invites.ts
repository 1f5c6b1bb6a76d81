import { z } from 'zod';
import { roomIdSchema, userIdSchema } from '../identifiers/schemas.ts';

/** What an identity server signs: that an address belongs to a user (spec: Client-Server API, Third-party invites). */
export const signedProofSchema = z.looseObject({
  mxid: userIdSchema,
  token: z.string().min(1).max(255),
  signatures: z.record(z.string(), z.record(z.string(), z.string())),
});

/** Body of 3pid/onbind (spec: Server-Server API, PUT onbind). */
export const onBindRequestSchema = z.object({
  medium: z.string(),
  address: z.string(),
  mxid: userIdSchema,
  invites: z
    .array(
      z.object({
        mxid: userIdSchema,
        room_id: roomIdSchema,
        sender: userIdSchema,
        signed: signedProofSchema,
      }),
    )
    .max(100),
});

/** Body of exchange_third_party_invite: a partial member event. */
export const exchangeRequestSchema = z.object({
  type: z.literal('m.room.member'),
  room_id: roomIdSchema,
  sender: userIdSchema,
  state_key: userIdSchema,
  content: z.object({
    membership: z.literal('invite'),
    third_party_invite: z.object({ signed: signedProofSchema }),
  }),
});
