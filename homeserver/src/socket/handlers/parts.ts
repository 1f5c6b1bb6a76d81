import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { DomainError } from '../../domain/errors.ts';

/** Keys of a frame under the names that the operation knows them by; those that are not there are left out. */
export const named = (body: JsonObject, names: Readonly<Record<string, string>>): JsonObject => {
  const parts: Record<string, JsonValue> = {};
  for (const [name, key] of Object.entries(names)) {
    const value = Object.hasOwn(body, key) ? body[key] : undefined;
    if (value !== undefined) parts[name] = value;
  }
  return parts;
};

/** An object within a frame. Throws `missing_param` or `bad_json`. */
export const object = (value: JsonValue | undefined, key: string): JsonObject => {
  if (value === undefined) throw new DomainError('missing_param', `Missing ${key}`);
  if (!isJsonObject(value)) throw new DomainError('bad_json', `${key} is not an object`);
  return value;
};

/** Name of the lane of a room's requests; what is no room id is refused when its turn comes. */
export const roomLane = (kind: string, { room_id: room }: JsonObject): string =>
  typeof room === 'string' ? `${kind} ${room}` : kind;
