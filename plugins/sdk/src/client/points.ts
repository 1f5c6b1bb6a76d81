/** Where a client plugin registers something: `contribute(point, id, …)`. */
export const REGISTERED_POINTS = [
  'message-renderer',
  'message-action',
  'composer-action',
  'slash-command',
  'composer-preview',
  'room-header-button',
  'side-panel',
  'user-card',
  'timeline-decoration',
  'settings-pane',
  'profile-field',
  'profile-resolver',
  'overlay',
  'before-encrypt',
  'after-decrypt',
  'call-provider',
  'read-events',
  'device-messages',
] as const;

/** What a client plugin may use without registering anything: named in the manifest, so that the person sees it. */
export const CAPABILITY_POINTS = [
  'sealed-values',
  'profile-access',
  'contacts',
  'send-events',
  'rooms',
  'media-files',
  'homeserver-api',
] as const;

/** Where a client plugin can contribute. */
export const CLIENT_POINTS = [...REGISTERED_POINTS, ...CAPABILITY_POINTS] as const;

export type RegisteredPoint = (typeof REGISTERED_POINTS)[number];
export type CapabilityPoint = (typeof CAPABILITY_POINTS)[number];
export type ClientPoint = (typeof CLIENT_POINTS)[number];

/** Points that only trusted plugins have: they run code of the plugin inside the page. */
export const TRUSTED_POINTS: ReadonlySet<ClientPoint> = new Set([
  'overlay',
  'profile-resolver',
  'media-files',
  'homeserver-api',
  'call-provider',
]);

/** The permissions each point needs; `*` stands for the contribution's scope. */
export const POINT_PERMISSIONS: Readonly<Record<ClientPoint, readonly string[]>> = {
  'message-renderer': ['events:read:*'],
  'message-action': ['events:read:*'],
  'composer-action': ['composer:insert'],
  'slash-command': ['composer:insert'],
  'composer-preview': ['composer:insert'],
  'room-header-button': ['room:ui'],
  'side-panel': ['room:ui'],
  'user-card': ['room:ui'],
  'timeline-decoration': ['events:read:*'],
  'settings-pane': ['room:ui'],
  'profile-field': ['profile:read:*', 'profile:write:*'],
  'profile-resolver': ['profile:resolve'],
  overlay: ['room:ui'],
  'before-encrypt': ['plaintext:write:*'],
  'after-decrypt': ['plaintext:read:*'],
  'call-provider': ['media', 'call:signal'],
  'read-events': ['events:read:*'],
  'device-messages': ['devices:message:*'],
  'sealed-values': ['secrets:*'],
  'profile-access': ['profile:read:*', 'profile:write:*'],
  contacts: ['contacts:read'],
  'send-events': ['events:send:*'],
  rooms: ['rooms:read'],
  'media-files': ['media:files'],
  'homeserver-api': ['homeserver:*'],
};

/** Whether a scope of a manifest covers a value: the same, or `*` at its end and the same before it. */
export const scopeCovers = (scope: string, value: string): boolean =>
  scope.endsWith('*') ? value.startsWith(scope.slice(0, -1)) : scope === value;

/** Whether one of the permissions covers the wanted one, by `scopeCovers`. */
export const permits = (permissions: Iterable<string>, wanted: string): boolean => {
  for (const permission of permissions) if (scopeCovers(permission, wanted)) return true;
  return false;
};
