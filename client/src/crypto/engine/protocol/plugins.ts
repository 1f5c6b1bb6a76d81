/** What plugins do through the engine: sealed values under secrets that stay here, and messages between devices. */
import * as z from 'zod/mini';
import { userIdSchema } from '../events.ts';
import { bytes, content, deviceId } from './fields.ts';

/** Bytes that are sealed or opened at once. */
export const MAX_SEALED_BYTES = 16 * 1024 * 1024;

const plugin = z.string().check(z.minLength(1), z.maxLength(64));
const secretName = z.string().check(z.minLength(1), z.maxLength(64));
const handle = z.string().check(z.regex(/^[A-Za-z0-9_-]{22}$/));
const context = z.string().check(z.maxLength(255));

/** Arguments of the operations for plugins. `plugin` is filled in by the host: no plugin reaches another's secrets. */
export const pluginArgs = {
  /** Makes a random secret. */
  secretCreate: z.object({ plugin, name: secretName }),
  /** Secrets of a plugin, newest first. */
  secretList: z.object({ plugin }),
  /** Seals bytes under a secret. @throws UNKNOWN_SECRET, VALUE_TOO_LARGE */
  secretSeal: z.object({ plugin, handle, context, data: bytes }),
  /** Inverse of `secretSeal`. @throws UNKNOWN_SECRET, BAD_SEALED */
  secretOpen: z.object({ plugin, handle, context, data: bytes }),
  /** Hands a secret to all trusted devices of users, in pairwise frames. @throws UNKNOWN_SECRET, NETWORK */
  secretShare: z.object({
    plugin,
    handle,
    userIds: z.array(userIdSchema).check(z.maxLength(1000)),
  }),
  secretForget: z.object({ plugin, handle }),
  /** Payload of a QR code that carries the secret, to be shown to the person. @throws UNKNOWN_SECRET */
  secretCode: z.object({ plugin, handle }),
  /** Takes a scanned code. @throws BAD_QR, IDENTITY_CHANGED when the pinned identity of its owner is another */
  secretScan: z.object({ plugin, name: secretName, payload: bytes }),
  /** Erases every secret of a plugin. */
  secretClear: z.object({ plugin }),
  /** Sends to trusted devices of a user in pairwise frames; ours is left out. @throws NETWORK */
  deviceSend: z.object({
    userId: userIdSchema,
    type: z.string().check(z.minLength(1), z.maxLength(255)),
    content,
    deviceIds: z.optional(z.array(deviceId).check(z.maxLength(256))),
  }),
} as const;

/** What is known about a secret; never the secret. */
export type PluginSecret = {
  /** HKDF of the secret: a public name, the same for all who have it. */
  readonly handle: string;
  readonly plugin: string;
  readonly name: string;
  /** Whose it is, proven by the frame it came in. */
  readonly owner: string;
  /** Clock (ms) when this device got it. */
  readonly since: number;
  readonly sharedWith: readonly string[];
};

/** An encrypted message from another device. */
export type AppMessage = {
  readonly sender: string;
  readonly device: string;
  readonly type: string;
  readonly content: Readonly<Record<string, unknown>>;
  readonly trust: 'own' | 'pinned' | 'verified';
};

/** Their results. */
export type PluginResults = {
  secretCreate: PluginSecret;
  secretList: { readonly secrets: readonly PluginSecret[] };
  secretSeal: { readonly data: Uint8Array };
  secretOpen: { readonly data: Uint8Array };
  secretShare: { readonly reached: readonly string[] };
  secretForget: Record<string, never>;
  secretCode: { readonly payload: Uint8Array };
  secretScan: PluginSecret;
  secretClear: Record<string, never>;
  deviceSend: { readonly reached: readonly string[] };
};
