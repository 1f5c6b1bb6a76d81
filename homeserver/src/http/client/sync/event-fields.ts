import { isJsonObject, type JsonObject, type JsonValue } from '@nyx/federation/json/value.ts';

/** Splits a dotted name at dots that are not escaped (spec: Client-Server API, filtering, event_fields). */
function pathOf(name: string): string[] {
  const parts: string[] = [];
  let part = '';
  for (let at = 0; at < name.length; at++) {
    const char = name.charAt(at);
    if (char === '.') {
      parts.push(part);
      part = '';
    } else part += char === '\\' && at + 1 < name.length ? name.charAt(++at) : char;
  }
  return [...parts, part];
}

/** Events with only the fields that a filter names; all of them without one. */
export function onlyFields(
  events: readonly JsonObject[],
  fields: readonly string[] | undefined,
): readonly JsonObject[] {
  if (fields === undefined) return events;
  const paths = fields.map(pathOf);
  return events.map((event) => {
    const kept: Record<string, JsonValue> = {};
    for (const path of paths) copy(event, kept, path);
    return kept;
  });
}

function copy(from: JsonObject, to: Record<string, JsonValue>, [key = '', ...rest]: readonly string[]): void {
  const value = Object.hasOwn(from, key) ? from[key] : undefined;
  if (value === undefined) return;
  if (rest.length === 0) {
    to[key] = value;
    return;
  }
  if (!isJsonObject(value)) return;
  const held = to[key];
  // Only this function makes the objects in `to`, so they are its own to change.
  const inner: Record<string, JsonValue> = isJsonObject(held) && held !== value ? { ...held } : {};
  copy(value, inner, rest);
  if (Object.keys(inner).length > 0) to[key] = inner;
}
