import { canonicalJson } from '@nyx/federation/json/canonical.ts';
import { JsonError } from '@nyx/federation/json/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';
import { DomainError } from '../../../domain/errors.ts';

/** Namespace of the keys that a join may bring along; everything else in the body is ours to write. */
const NAMESPACE = 'chat.nyx.';
/** Longest such content, in UTF-8 bytes of canonical JSON: it has to fit a 64 KiB event with the profile beside it. */
const MAX_BYTES = 48 * 1024;

/**
 * What a joining client puts into its member event: the device's signature on the join (e2ee.md section 3), so that no
 * member ever sees the join without it. Throws `too_large`, or `bad_json` for what no event can hold.
 */
export function signedJoin(body: unknown): JsonObject {
  if (!isJsonObject(body)) return {};
  const extra: Record<string, JsonValue> = {};
  for (const [key, value] of Object.entries(body)) if (key.startsWith(NAMESPACE)) extra[key] = value;
  if (Buffer.byteLength(textOf(extra)) > MAX_BYTES)
    throw new DomainError('too_large', 'The signature that comes with the join is too large');
  return extra;
}

function textOf(extra: JsonObject): string {
  try {
    return canonicalJson(extra);
  } catch (error) {
    if (error instanceof JsonError)
      throw new DomainError('bad_json', 'The join holds what no event can hold');
    throw error;
  }
}
