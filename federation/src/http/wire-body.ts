import type { z } from 'zod';
import { canonicalJson } from '../json/canonical.ts';
import { parseJson } from '../json/parse.ts';
import type { JsonValue } from '../json/value.ts';

/** Reads an answer through a schema, over a parse without loss: events keep every digit of theirs. */
export const parser =
  <T>(schema: z.ZodType<T>) =>
  (text: string): T =>
    schema.parse(parseJson(text));

/** The body of a request: canonical JSON, which is both signed and sent. */
export const content = (value: JsonValue): { readonly content: string } => ({
  content: canonicalJson(value, 'lenient'),
});
