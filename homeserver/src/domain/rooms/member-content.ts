import type { JsonObject, JsonValue } from '@nyx/federation/json/value.ts';
import type { Membership } from '@nyx/federation/spec/event-types.ts';
import type { MemberProfile } from '../../ports/profile-lookup.ts';

/** The content of a member event. */
export function memberContent(
  membership: Membership,
  options: {
    readonly profile?: MemberProfile;
    readonly reason?: string | undefined;
    readonly more?: JsonObject;
  },
): JsonObject {
  const content: Record<string, JsonValue> = { ...options.more, membership };
  const { displayName, avatarUrl } = options.profile ?? {};
  if (displayName !== undefined) content.displayname = displayName;
  if (avatarUrl !== undefined) content.avatar_url = avatarUrl;
  if (options.reason !== undefined) content.reason = options.reason;
  return content;
}
