/** What the engine tells the page unasked. */
import type { DecryptResult } from '../events.ts';
import type { LinkingState, VerificationState } from './flows.ts';
import type { IdentityStatus, Trust } from './identity.ts';
import type { ProfileNotice } from './profiles.ts';
import type { AppMessage, PluginSecret } from './plugins.ts';
import type { OutgoingRequest } from './sync.ts';
import type { EngineStatus } from './vault.ts';

/** Change notifications, unasked. */
export type EngineNotice =
  | { readonly kind: 'status'; readonly status: EngineStatus }
  | { readonly kind: 'requests'; readonly requests: readonly OutgoingRequest[] }
  /** Keys came: decrypt these events again (ids of events that were answered `waiting`). */
  | { readonly kind: 'keysArrived'; readonly roomId: string; readonly eventIds: readonly string[] }
  /** A waiting event's state changed (refused, lost, "ask the sender"). */
  | {
      readonly kind: 'eventState';
      readonly roomId: string;
      readonly eventId: string;
      readonly result: DecryptResult;
    }
  /** Room status may differ: ask again. */
  | { readonly kind: 'roomChanged'; readonly roomId: string }
  | { readonly kind: 'userChanged'; readonly userId: string; readonly trust: Trust }
  | { readonly kind: 'identityStatus'; readonly status: IdentityStatus }
  | { readonly kind: 'verification'; readonly state: VerificationState }
  | { readonly kind: 'linking'; readonly state: LinkingState }
  | { readonly kind: 'progress'; readonly progressId: string; readonly done: number; readonly total: number }
  /** A message of a plugin from another device. Told once, and not kept. */
  | { readonly kind: 'appMessage'; readonly message: AppMessage }
  /** Somebody shared a plugin's secret with us; it is stored. */
  | { readonly kind: 'appSecret'; readonly secret: PluginSecret }
  | { readonly kind: 'restoreProgress'; readonly done: number; readonly total: number }
  | ProfileNotice;
