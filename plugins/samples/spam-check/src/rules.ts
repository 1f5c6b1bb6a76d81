import { z } from 'zod';

/** What the operator may write under `config`. */
export const rulesSchema = z.strictObject({
  /** Words that a message may not contain, in any case. */
  words: z.array(z.string().min(1)).max(1_000).default([]),
  /** Links in one message. */
  maxLinks: z.number().int().min(0).default(10),
  /** How often one user may say the same within a minute. */
  maxRepeats: z.number().int().min(1).default(3),
});

export type Rules = z.output<typeof rulesSchema>;

const LINK = /https?:\/\//gi;

/** Why a text is spam by its looks; undefined when it is not. */
export const spamReason = (text: string, { words, maxLinks }: Rules): string | undefined => {
  const lower = text.toLowerCase();
  if (words.some((word) => lower.includes(word.toLowerCase()))) return 'The message has a forbidden word';
  if ((text.match(LINK)?.length ?? 0) > maxLinks) return 'The message has too many links';
  return undefined;
};
