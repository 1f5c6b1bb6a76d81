import { isJsonArray, ownValue, type JsonObject } from '../json/value.ts';
import { serverNameParts, type ServerName } from '../spec/identifiers/server-name.ts';

/** Whether a server may take part in a room. */
export type ServerAcl = (server: ServerName) => boolean;

/**
 * Reads the content of a room's `m.room.server_acl`, undefined without one (spec: m.room.server_acl). Patterns are
 * case-insensitive and do not see ports. Keep the result as long as the event: it splits the lists once.
 */
export function readServerAcl(content: JsonObject | undefined): ServerAcl {
  if (content === undefined) return () => true;
  const allowsIpLiterals = ownValue(content, 'allow_ip_literals') !== false;
  const denied = patterns(content, 'deny');
  const allowed = patterns(content, 'allow');
  return (server) => {
    const { host, kind } = serverNameParts(server);
    if (kind !== 'dns' && !allowsIpLiterals) return false;
    const name = host.toLowerCase();
    if (denied.some((pattern) => matchesGlob(pattern, name))) return false;
    return allowed.some((pattern) => matchesGlob(pattern, name));
  };
}

/** `*` stands for any characters or none, `?` for exactly one (spec: Appendices, Glob-style matching). Never slow: no regular expression. */
export function matchesGlob(pattern: string, text: string): boolean {
  let inPattern = 0;
  let inText = 0;
  let star = -1;
  let afterStar = 0;
  while (inText < text.length) {
    const unit = pattern[inPattern];
    if (unit === '*') {
      star = inPattern++;
      afterStar = inText;
    } else if (unit !== undefined && (unit === '?' || unit === text[inText])) {
      inPattern += 1;
      inText += 1;
    } else if (star >= 0) {
      // Let the last star take one more character, and try again behind it.
      inPattern = star + 1;
      inText = ++afterStar;
    } else return false;
  }
  while (pattern[inPattern] === '*') inPattern += 1;
  return inPattern === pattern.length;
}

function patterns(content: JsonObject, key: string): string[] {
  const list = ownValue(content, key);
  if (!isJsonArray(list)) return [];
  return list.filter((entry) => typeof entry === 'string').map((entry) => entry.toLowerCase());
}
