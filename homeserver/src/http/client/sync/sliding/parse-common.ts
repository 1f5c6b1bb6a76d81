import { isRoomId, type RoomId } from '@nyx/federation/spec/identifiers/room-id.ts';
import { z } from 'zod';
import { DomainError } from '../../../../domain/errors.ts';
import type {
  ExtensionsRequest,
  ListFilter,
  RoomConfig,
} from '../../../../domain/sliding/sliding-request.ts';

/** MSC4186: at most so many lists and subscriptions. */
export const MAX_LISTS = 100;
const MAX_SUBSCRIPTIONS = 100;
const MAX_NAME = 255;
const MAX_CONN_ID = 255;
/** Rules for state in one list or subscription. */
export const MAX_ELEMENTS = 500;
const MAX_FILTER_VALUES = 1_000;
const MAX_TO_DEVICE = 100;

export const connIdSchema = z.string().max(MAX_CONN_ID).default('');
export const limitSchema = z.int().min(0);
export const listName = z.string().min(1).max(MAX_NAME);
export const indexSchema = z.int().min(0);

const strings = z.array(z.string()).max(MAX_FILTER_VALUES).nullish();
const types = z.array(z.string().nullable()).max(MAX_FILTER_VALUES).nullish();
const flag = z.boolean().nullish();

/** A filter with either dialect's name for invites. */
export const filterSchema = z
  .object({
    is_dm: flag,
    spaces: strings,
    is_encrypted: flag,
    is_invite: flag,
    is_invited: flag,
    room_types: types,
    not_room_types: types,
    tags: strings,
    not_tags: strings,
  })
  .nullish()
  .transform((filter): ListFilter => ({
    isDm: filter?.is_dm ?? undefined,
    isEncrypted: filter?.is_encrypted ?? undefined,
    isInvited: filter?.is_invited ?? filter?.is_invite ?? undefined,
    spaces: filter?.spaces ?? undefined,
    roomTypes: filter?.room_types ?? undefined,
    notRoomTypes: filter?.not_room_types ?? undefined,
    tags: filter?.tags ?? undefined,
    notTags: filter?.not_tags ?? undefined,
  }));

const enabled = z.object({ enabled: flag }).nullish();

export const extensionsSchema = z
  .object({
    to_device: z
      .object({
        enabled: flag,
        limit: z
          .int()
          .min(1)
          .nullish()
          .transform((limit) => Math.min(limit ?? MAX_TO_DEVICE, MAX_TO_DEVICE)),
        since: z.string().nullish(),
      })
      .nullish(),
    e2ee: enabled,
    account_data: enabled,
    receipts: enabled,
    typing: enabled,
  })
  .nullish()
  .transform((asked): ExtensionsRequest => ({
    toDevice:
      asked?.to_device?.enabled === true
        ? { since: asked.to_device.since ?? undefined, limit: asked.to_device.limit }
        : undefined,
    e2ee: asked?.e2ee?.enabled === true,
    accountData: asked?.account_data?.enabled === true,
    receipts: asked?.receipts?.enabled === true,
    typing: asked?.typing?.enabled === true,
  }));

/** Maps of a body as Maps; what is no room id is passed over, as any room is that the user may not see. */
export const subscriptionsOf = (
  given: Readonly<Record<string, RoomConfig>> | null | undefined,
): ReadonlyMap<RoomId, RoomConfig> => {
  const entries = Object.entries(given ?? {});
  if (entries.length > MAX_SUBSCRIPTIONS) {
    throw new DomainError('invalid_param', `At most ${MAX_SUBSCRIPTIONS} room_subscriptions`);
  }
  return new Map(entries.flatMap(([room, config]) => (isRoomId(room) ? [[room, config] as const] : [])));
};

/** Throws `invalid_param` when there are too many. */
export const listsOf = <T>(given: Readonly<Record<string, T>> | null | undefined): ReadonlyMap<string, T> => {
  const entries = Object.entries(given ?? {});
  if (entries.length > MAX_LISTS) throw new DomainError('invalid_param', `At most ${MAX_LISTS} lists`);
  return new Map(entries);
};
