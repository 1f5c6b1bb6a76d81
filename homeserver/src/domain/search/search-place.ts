import { z } from 'zod';
import { DomainError } from '../errors.ts';

/** Where a search goes on. */
export type SearchPlace = {
  /** The stretch of the stream that is looked at ends below this position. */
  readonly below: number | undefined;
  /** Hits of the stretch that were shown before. */
  readonly skip: number;
  /** Only what belongs to this group. */
  readonly group?: { readonly key: 'room_id' | 'sender'; readonly value: string };
};

/** Longest token that is looked at. */
const MAX_TOKEN = 2_000;

const schema = z.object({
  b: z.int().min(0).optional(),
  s: z.int().min(0),
  g: z.tuple([z.enum(['room_id', 'sender']), z.string()]).optional(),
});

/** The token of a place. It says nothing that its holder does not know, and only narrows what is searched. */
export const placeToToken = ({ below, skip, group }: SearchPlace): string => {
  const parts = { ...(below === undefined ? {} : { b: below }), s: skip };
  const whole = group === undefined ? parts : { ...parts, g: [group.key, group.value] };
  return Buffer.from(JSON.stringify(whole)).toString('base64url');
};

/** Throws `invalid_param`. */
export const tokenToPlace = (token: string): SearchPlace => {
  const parsed = schema.safeParse(decode(token));
  if (!parsed.success) throw new DomainError('invalid_param', 'Unknown token');
  const { b: below, s: skip, g } = parsed.data;
  return { below, skip, ...(g === undefined ? {} : { group: { key: g[0], value: g[1] } }) };
};

const decode = (token: string): unknown => {
  if (token.length > MAX_TOKEN) return undefined;
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString());
  } catch {
    return undefined;
  }
};
