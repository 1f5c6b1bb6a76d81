/** Where a client plugin can contribute. */
export const CLIENT_POINTS = [
  'message-renderer',
  'message-action',
  'composer-action',
  'slash-command',
  'composer-preview',
  'room-header-button',
  'side-panel',
  'settings-pane',
  'profile-field',
  'before-encrypt',
  'after-decrypt',
  'call-provider',
  'sealed-values',
  'contacts',
  'send-events',
] as const;

export type ClientPoint = (typeof CLIENT_POINTS)[number];

/** The permissions each point needs; `*` stands for the contribution's scope. */
export const POINT_PERMISSIONS: Readonly<Record<ClientPoint, readonly string[]>> = {
  'message-renderer': ['events:read:*'],
  'message-action': ['events:read:*'],
  'composer-action': ['composer:insert'],
  'slash-command': ['composer:insert'],
  'composer-preview': ['composer:insert'],
  'room-header-button': ['room:ui'],
  'side-panel': ['room:ui'],
  'settings-pane': ['room:ui'],
  'profile-field': ['profile:read:*', 'profile:write:*'],
  'before-encrypt': ['plaintext:write:*'],
  'after-decrypt': ['plaintext:read:*'],
  'call-provider': ['media', 'call:signal'],
  'sealed-values': ['secrets:*'],
  contacts: ['contacts:read'],
  'send-events': ['events:send:*'],
};
