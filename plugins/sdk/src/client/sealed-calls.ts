import { z } from 'zod';
import { LIMITS } from '../limits.ts';
import { RpcError } from '../rpc/messages.ts';
import type { Access } from './access.ts';
import { permits } from './points.ts';

const id = z.string().min(1).max(255);
const title = z.string().min(1).max(LIMITS.uiText);
const text = z.strictObject({ title, description: z.string().max(LIMITS.uiText).optional() });
const address = z.string().max(512);
const users = z.array(id).max(1_000);
const bytes = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array && value.length <= LIMITS.secretBytes,
  'expected bytes',
);

/** What a trusted plugin may ask about sealed profiles, with the form of the parameters. */
export const SEALED_CALLS = {
  status: z.strictObject({}),
  seal: z.strictObject({
    name: z.string().max(80),
    bio: z.string().max(600),
    avatar: z.strictObject({ handle: address, url: address }).optional(),
  }),
  open: z.strictObject({ userId: id, field: z.unknown() }),
  share: z.strictObject({ userIds: users }),
  rotate: z.strictObject({ without: users }),
  backup: z.strictObject({}),
  restore: z.strictObject({ stored: z.unknown() }),
  forget: z.strictObject({}),
  sealPicture: z.strictObject({ data: bytes, mimetype: z.string().max(127) }),
  openPicture: z.strictObject({ userId: id, url: address, data: bytes }),
  showCode: z.strictObject({ text }),
  scanCode: z.strictObject({ text }),
  find: z.strictObject({ userId: id }),
  list: z.strictObject({ listed: z.boolean() }),
  openPerson: z.strictObject({ userId: id }),
} as const;

export type SealedCall = keyof typeof SEALED_CALLS;
export type SealedCallParams = { readonly [C in SealedCall]: z.output<(typeof SEALED_CALLS)[C]> };
/** A call that may be done. */
export type AllowedSealedCall = {
  readonly [C in SealedCall]: { readonly call: C; readonly params: SealedCallParams[C] };
}[SealedCall];

/** The permission that all of them need. */
export const SEALED_PERMISSION = 'secrets:profile';

/** Lets a call pass or throws `RpcError` with code `invalid` or `forbidden`, as `admit` does for the others. */
export const admitSealed = (
  { manifest, granted }: Pick<Access, 'manifest' | 'granted'>,
  call: SealedCall,
  params: unknown,
): AllowedSealedCall => {
  const parsed = SEALED_CALLS[call].safeParse(params);
  if (!parsed.success) throw new RpcError('invalid', `${call}: ${parsed.error.issues[0]?.message ?? ''}`);
  if (manifest.tier !== 'trusted') throw new RpcError('forbidden', `${call} is for trusted plugins`);
  if (!permits(granted, SEALED_PERMISSION))
    throw new RpcError('forbidden', `the permission ${SEALED_PERMISSION} is missing`);
  // The map ties each name to the schema that just parsed its parameters.
  return { call, params: parsed.data } as AllowedSealedCall;
};
