import type { RoomVersionRules } from '../room-versions/rules.ts';
import { isJsonObject, ownObject, ownValue, type JsonObject, type JsonValue } from './value.ts';

/**
 * Strips an event of everything that its room version does not protect (spec: room versions, Redactions). Returns a
 * new object that shares the values it keeps. `unsigned` goes too: a server that wants `redacted_because` there adds it.
 */
export function redactEvent(rules: RoomVersionRules, event: JsonObject): JsonObject {
  const kept: Record<string, JsonValue> = {};
  for (const key of Object.keys(event)) {
    const value = event[key];
    if (value === undefined || !rules.redaction.topLevel.has(key)) continue;
    kept[key] = key === 'content' ? redactedContent(rules, event) : value;
  }
  return kept;
}

/** The protected part of an event's `content`; a content that is no object becomes an empty one. */
export function redactedContent(rules: RoomVersionRules, event: JsonObject): JsonObject {
  const content = ownObject(event, 'content');
  const type = ownValue(event, 'type');
  const allowed = typeof type === 'string' ? rules.redaction.content.get(type) : undefined;
  if (content === undefined || allowed === undefined) return {};
  if (allowed === 'all') return content;
  const kept: Record<string, JsonValue> = {};
  for (const key of allowed) {
    const value = ownValue(content, key);
    if (value !== undefined) kept[key] = value;
  }
  if (rules.redaction.keepsThirdPartyInviteSigned && type === 'm.room.member') {
    const invite = ownValue(content, 'third_party_invite');
    if (isJsonObject(invite)) {
      const signed = ownValue(invite, 'signed');
      kept.third_party_invite = signed === undefined ? {} : { signed };
    }
  }
  return kept;
}
