import { IdentifierError, type Branded } from './brand.ts';
import { isServerName, type ServerName } from './server-name.ts';

/** `mxc://server-name/media-id` (spec: Client-Server API, Matrix Content URIs). */
export type MxcUri = Branded<'MxcUri'>;

/** The two halves of a content URI. */
export type MxcUriParts = { readonly server: ServerName; readonly mediaId: string };

/** Longest content URI taken from outside; the spec bounds only its parts' characters. */
const MAX_MXC_LENGTH = 1024;
const MXC = /^mxc:\/\/([^/]+)\/([A-Za-z0-9_-]+)$/;

/** The halves of `value`, or undefined if it is no content URI. */
export function splitMxcUri(value: unknown): MxcUriParts | undefined {
  if (typeof value !== 'string' || value.length > MAX_MXC_LENGTH) return undefined;
  const match = MXC.exec(value);
  const server = match?.[1];
  const mediaId = match?.[2];
  if (server === undefined || mediaId === undefined || !isServerName(server)) return undefined;
  return { server, mediaId };
}

/** Whether `value` is a content URI. */
export function isMxcUri(value: unknown): value is MxcUri {
  return splitMxcUri(value) !== undefined;
}

/** Parses a content URI; throws {@link IdentifierError}. */
export function parseMxcUri(value: unknown): MxcUri {
  if (isMxcUri(value)) return value;
  throw new IdentifierError('mxc_uri');
}
