import type { JsonObject } from '@nyx/federation/json/value.ts';
import { z } from 'zod';
import { DomainError } from '../domain/errors.ts';
import { jsonObjectSchema } from '../http/client/schemas.ts';
import { parseJsonBody } from '../http/parse-json.ts';
import { SocketClosed } from './close-codes.ts';

const MAX_ID_LENGTH = 64;
const idSchema = z.union([z.string().max(MAX_ID_LENGTH), z.int()]).optional();

export type FrameId = z.output<typeof idSchema>;

/** A frame of the client, before its type is looked at. */
export type ClientFrame = {
  readonly id: FrameId;
  readonly type: string;
  readonly body: JsonObject;
  readonly bytes: number;
};

const envelopeSchema = z.object({ type: z.string().min(1), id: idSchema });

export const authSchema = z.object({ access_token: z.string().min(1) });

const setPresence = z.enum(['offline', 'online', 'unavailable']);

export const syncSchema = z.object({
  since: z.string().optional(),
  filter: z.union([z.string(), jsonObjectSchema]).optional(),
  full_state: z.boolean().default(false),
  use_state_after: z.boolean().default(false),
  set_presence: setPresence.default('online'),
});

export const setPresenceSchema = z.object({ set_presence: setPresence });
export const ackSchema = z.object({ next_batch: z.string() });

const badFrame = (error: string): SocketClosed =>
  new SocketClosed('bad_frame', { errcode: 'M_BAD_JSON', error });

/** Reads the envelope of a frame; what is none ends the connection. */
export const parseFrame = (data: Buffer): ClientFrame => {
  let body: unknown;
  try {
    body = data.length === 0 ? undefined : parseJsonBody(data);
  } catch (error) {
    if (!(error instanceof DomainError)) throw error;
    throw badFrame('The frame is not JSON');
  }
  const object = jsonObjectSchema.safeParse(body);
  if (!object.success) throw badFrame('The frame is not a JSON object');
  const envelope = envelopeSchema.safeParse(object.data);
  if (!envelope.success) throw badFrame('The frame has no type, or a malformed id');
  const { type, id } = envelope.data;
  return { type, id, body: object.data, bytes: data.length };
};

/** Reads a frame without which the connection makes no sense. */
export const requireFrame = <T>(schema: z.ZodType<T>, frame: ClientFrame): T => {
  const result = schema.safeParse(frame.body);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw badFrame(`Malformed ${frame.type}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`);
};
