import { isJsonArray, ownValue, type JsonObject } from '@nyx/federation/json/value.ts';
import { isIpv4 } from '@nyx/federation/spec/identifiers/server-name.ts';

/** Longest pattern looked at: server names end at 261 characters. */
const MAX_PATTERN = 512;
/** Most patterns of a list that are tried. */
const MAX_PATTERNS = 20_000;

function patterns(content: JsonObject, key: string): string[] {
  const list = ownValue(content, key);
  if (!isJsonArray(list)) return [];
  return list
    .slice(0, MAX_PATTERNS)
    .filter((entry): entry is string => typeof entry === 'string' && entry.length <= MAX_PATTERN);
}

/** Matches `*` and `?` without backtracking over regular expressions that a room's moderators write. */
export function matchesGlob(text: string, pattern: string): boolean {
  let at = 0;
  let on = 0;
  let star = -1;
  let retry = 0;
  while (at < text.length) {
    const char = pattern.charAt(on);
    if (char === '*') {
      star = on++;
      retry = at;
    } else if (char !== '' && (char === '?' || char === text.charAt(at))) {
      at++;
      on++;
    } else if (star >= 0) {
      on = star + 1;
      at = ++retry;
    } else return false;
  }
  while (pattern.charAt(on) === '*') on++;
  return on === pattern.length;
}

/**
 * Whether a server may take part in a room with this `m.room.server_acl` content (spec: Client-Server API, Server ACLs):
 * IP literals, then deny, then allow, else no. Ports do not count, and case does not.
 */
export function isAllowedByAcl(content: JsonObject, server: string): boolean {
  const host = server.replace(/:\d{1,5}$/, '').toLowerCase();
  const isLiteral = host.startsWith('[') || isIpv4(host);
  if (isLiteral && ownValue(content, 'allow_ip_literals') === false) return false;
  const matches = (key: string) =>
    patterns(content, key).some((pattern) => matchesGlob(host, pattern.toLowerCase()));
  return !matches('deny') && matches('allow');
}
