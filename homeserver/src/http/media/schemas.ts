import { isServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import { z } from 'zod';

const DEFAULT_WAIT_MS = 20_000;

const serverName = z.string().refine(isServerName, 'not a server name');

/** `mediaId` is not looked at here: whatever is no media id of ours is not found. */
export const mediaParams = z.object({ serverName, mediaId: z.string() });
export const namedMediaParams = z.object({ serverName, mediaId: z.string(), fileName: z.string() });

/** How long to wait for what was announced and not uploaded, in ms. */
export const waitQuery = z
  .string()
  .regex(/^\d{1,15}$/, 'not a number')
  .transform(Number)
  .optional()
  .transform((value) => value ?? DEFAULT_WAIT_MS);

const flagQuery = z
  .enum(['true', 'false'])
  .transform((value) => value === 'true')
  .optional();

export const downloadQuery = z.object({ timeout_ms: waitQuery, allow_remote: flagQuery });

const pixels = z
  .string()
  .regex(/^[1-9]\d{0,5}$/, 'not a number of pixels')
  .transform(Number);

/** What a thumbnail is to look like. */
export const thumbnailQuery = downloadQuery.extend({
  width: pixels,
  height: pixels,
  method: z.enum(['crop', 'scale']).optional(),
  animated: flagQuery,
});

/** The paths of an operation of the old, open content repository. */
export const legacyPaths = (path: string): readonly string[] => [
  `/_matrix/media/v3${path}`,
  `/_matrix/media/r0${path}`,
  `/_matrix/media/v1${path}`,
];
