import { z } from 'zod';

/**
 * A JSON object as a map, with those entries that fit the schema: one malformed entry of another server's answer costs no
 * other. Names that objects inherit are names like others.
 *
 * @param most entries looked at; those beyond are left out
 */
export const mapOf = <Value>(value: z.ZodType<Value>, most: number) =>
  z.record(z.string(), z.unknown()).transform((entries): ReadonlyMap<string, Value> => {
    const found = new Map<string, Value>();
    for (const [key, entry] of Object.entries(entries).slice(0, most)) {
      const parsed = value.safeParse(entry);
      if (parsed.success) found.set(key, parsed.data);
    }
    return found;
  });

/** An array with those items that fit the schema, of the first `most`. */
export const listOf = <Item>(item: z.ZodType<Item>, most: number) =>
  z.array(z.unknown()).transform((items): readonly Item[] =>
    items.slice(0, most).flatMap((entry) => {
      const parsed = item.safeParse(entry);
      return parsed.success ? [parsed.data] : [];
    }),
  );
