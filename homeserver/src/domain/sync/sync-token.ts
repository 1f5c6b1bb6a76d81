import { DomainError } from '../errors.ts';

/** Where a client is: the stream, and its device's messages, which may lag behind. */
export type SyncPlace = { readonly stream: number; readonly toDevice: number };

const TOKEN = /^s(\d{1,16})(?:_(\d{1,16}))?$/;

/** The token of /sync. */
export const syncToken = ({ stream, toDevice }: SyncPlace): string =>
  toDevice === stream ? `s${stream}` : `s${stream}_${toDevice}`;

/** Throws `invalid_param`. */
export function parseSyncToken(text: string): SyncPlace {
  const [, stream, toDevice] = TOKEN.exec(text) ?? [];
  if (stream === undefined) throw new DomainError('invalid_param', 'Unknown token');
  return { stream: Number(stream), toDevice: Number(toDevice ?? stream) };
}
