import { z } from 'zod';
import { jsonObjectSchema } from '../json/json-object-schema.ts';
import { isJsonObject, ownObject, ownString, type JsonObject, type JsonValue } from '../json/value.ts';
import { deviceIdSchema, eventIdSchema, keyIdSchema, userIdSchema } from '../spec/identifiers/schemas.ts';
import { isRoomId, type RoomId } from '../spec/identifiers/room-id.ts';
import { isUserId, type UserId } from '../spec/identifiers/user-id.ts';

/** An ephemeral unit as it came: type known, content not yet looked at (spec: Server-Server API, EDUs). */
export type Edu = { readonly type: string; readonly content: JsonObject };

/** Most receipts, presence updates or messages taken out of one EDU. The spec is silent; a sender with more sends more EDUs. */
export const MAX_EDU_ENTRIES = 1_000;

/**
 * Longest `message_id`. The spec gives 32 code points; a longer one is no reason to lose room keys, so only what no
 * identifier may exceed is refused.
 */
const MAX_MESSAGE_ID_LENGTH = 255;

const integer = z.number().int().nonnegative();

/** Content of `m.typing`. */
export const typingSchema = z.looseObject({
  room_id: z.custom<RoomId>(isRoomId, 'not a room id'),
  user_id: userIdSchema,
  typing: z.boolean(),
});

/** One entry of `m.presence`'s `push`. */
export const presenceUpdateSchema = z.looseObject({
  user_id: userIdSchema,
  presence: z.enum(['offline', 'unavailable', 'online']),
  status_msg: z.string().nullish(),
  last_active_ago: integer.optional(),
  currently_active: z.boolean().optional(),
});

/** Content of `m.presence`; entries are read one by one with {@link presenceUpdateSchema}, so that one bad entry spoils no other. */
export const presenceSchema = z.looseObject({ push: z.array(z.unknown()).max(MAX_EDU_ENTRIES) });

/** One user's receipt in `m.receipt`. */
export const receiptSchema = z.looseObject({
  event_ids: z.array(eventIdSchema).min(1).max(MAX_EDU_ENTRIES),
  data: z.looseObject({ ts: integer, thread_id: z.string().optional() }),
});

/** A receipt taken out of `m.receipt`. */
export type Receipt = {
  readonly roomId: RoomId;
  readonly userId: UserId;
  readonly type: string;
} & z.output<typeof receiptSchema>;

/** Content of `m.device_list_update`. */
export const deviceListUpdateSchema = z.looseObject({
  user_id: userIdSchema,
  device_id: deviceIdSchema,
  device_display_name: z.string().nullish(),
  stream_id: integer,
  prev_id: z.array(integer).default([]),
  deleted: z.boolean().default(false),
  keys: jsonObjectSchema.optional(),
});

const crossSigningKeySchema = z.looseObject({
  user_id: userIdSchema,
  usage: z.array(z.string()),
  keys: z.record(keyIdSchema, z.string()),
});

/** Content of `m.signing_key_update`. */
export const signingKeyUpdateSchema = z.looseObject({
  user_id: userIdSchema,
  master_key: crossSigningKeySchema.optional(),
  self_signing_key: crossSigningKeySchema.optional(),
});

/** Content of `m.direct_to_device`. Devices may be `*`. */
export const directToDeviceSchema = z.looseObject({
  sender: userIdSchema,
  type: z.string().max(255),
  message_id: z.string().max(MAX_MESSAGE_ID_LENGTH),
  messages: z.record(userIdSchema, z.record(z.string(), jsonObjectSchema)),
});

/** Reads an EDU; undefined when it has not even the shape of one. */
export function parseEdu(value: JsonValue): Edu | undefined {
  if (!isJsonObject(value)) return undefined;
  const type = ownString(value, 'edu_type');
  const content = ownObject(value, 'content');
  return type === undefined || content === undefined ? undefined : { type, content };
}

/** The receipts in `m.receipt`, by room, type and user; entries that are malformed are left out. */
export function receiptsIn(content: JsonObject): Receipt[] {
  const receipts: Receipt[] = [];
  for (const [roomId, types] of Object.entries(content)) {
    if (!isRoomId(roomId) || !isJsonObject(types)) continue;
    for (const [type, users] of Object.entries(types)) {
      if (!isJsonObject(users)) continue;
      for (const [userId, receipt] of Object.entries(users)) {
        const parsed = receiptSchema.safeParse(receipt);
        if (isUserId(userId) && parsed.success) receipts.push({ roomId, userId, type, ...parsed.data });
        if (receipts.length >= MAX_EDU_ENTRIES) return receipts;
      }
    }
  }
  return receipts;
}
