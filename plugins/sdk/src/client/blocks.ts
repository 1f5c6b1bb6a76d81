import { z } from 'zod';

const MAX_TEXT = 4_000;
const MAX_LABEL = 200;
const MAX_ITEMS = 100;

const text = z.string().max(MAX_TEXT);
const label = z.string().max(MAX_LABEL);
const actionId = z.string().min(1).max(64);
const tone = z.enum(['normal', 'soft', 'strong', 'good', 'warn', 'bad']);

/**
 * A piece of interface as data: the client draws it in its own look, as text, never as markup. `button` and `input`
 * come back through `onAction`.
 */
export const blockSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('text'), text, tone: tone.optional() }),
  z.strictObject({ kind: z.literal('heading'), text: label }),
  z.strictObject({ kind: z.literal('code'), text }),
  z.strictObject({ kind: z.literal('list'), items: z.array(text).max(MAX_ITEMS) }),
  z.strictObject({
    kind: z.literal('fields'),
    fields: z.array(z.strictObject({ label, value: text })).max(MAX_ITEMS),
  }),
  /** Opened in a new tab after a click; https only. */
  z.strictObject({
    kind: z.literal('link'),
    text: label,
    href: z
      .string()
      .max(2_000)
      .regex(/^https:\/\//),
  }),
  z.strictObject({
    kind: z.literal('button'),
    id: actionId,
    label,
    variant: z.enum(['primary', 'soft', 'ghost', 'danger']).optional(),
    disabled: z.boolean().optional(),
  }),
  z.strictObject({ kind: z.literal('input'), id: actionId, label, value: text.optional() }),
  /** `value` from 0 to 1. */
  z.strictObject({ kind: z.literal('progress'), label, value: z.number().min(0).max(1) }),
  z.strictObject({ kind: z.literal('divider') }),
]);

/** What a renderer or panel answers: at most 100 blocks. */
export const blocksSchema = z.array(blockSchema).max(MAX_ITEMS);

export type Block = z.output<typeof blockSchema>;
export type Blocks = readonly Block[];

const LINE = 24;
const CHARACTERS_PER_LINE = 44;
const linesOf = (value: string): number =>
  value
    .split('\n', MAX_ITEMS)
    .reduce((sum, line) => sum + Math.max(1, Math.ceil(line.length / CHARACTERS_PER_LINE)), 0);

const heightOf = (block: Block): number => {
  switch (block.kind) {
    case 'text':
    case 'code':
      return linesOf(block.text) * LINE;
    case 'list':
      return block.items.reduce((sum, item) => sum + linesOf(item) * LINE, 0);
    case 'fields':
      return block.fields.length * LINE;
    case 'button':
    case 'input':
      return 48;
    case 'divider':
      return 17;
    default:
      return LINE + 4;
  }
};

/** Roughly how high blocks are when drawn in a message, px: used before they were measured. */
export const estimateBlocks = (blocks: Blocks): number =>
  blocks.reduce((sum, block) => sum + heightOf(block), 0);
