import { z } from 'zod';

/** A point of ristretto255: 32 bytes, unpadded base64. */
export const elementSchema = z.string().regex(/^[A-Za-z0-9+/]{43}$/);
/** Beginning of a row's name: at most 8 of its 32 hexadecimal digits. */
export const prefixSchema = z.string().regex(/^[0-9a-f]{0,8}$/);
/** A row's content, always of one length. */
export const cardSchema = z.string().regex(/^[A-Za-z0-9+/]{736}$/);

/** Most rows of an answer. */
export const MAX_ROWS = 1_000;

/** Server to server: a blinded user id. */
export const evaluateRequestSchema = z.object({ element: elementSchema });
/** The evaluated element, and how many digits of a row's name to ask with. */
export const evaluateAnswerSchema = z.object({
  evaluated: elementSchema,
  digits: z.number().int().min(0).max(8),
});
export const rowsRequestSchema = z.object({ prefix: prefixSchema });
export const rowsAnswerSchema = z.object({
  rows: z.array(z.object({ id: z.string().regex(/^[0-9a-f]{32}$/), card: cardSchema })).max(MAX_ROWS),
});

export type EvaluateAnswer = z.output<typeof evaluateAnswerSchema>;
export type RowsAnswer = z.output<typeof rowsAnswerSchema>;
