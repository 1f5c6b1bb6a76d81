import type { MediaContent } from '../../ports/media-store.ts';
import { DomainError } from '../errors.ts';
import type { Downloads } from './downloads.ts';
import { essence } from './file-facts.ts';

/** Images larger than this are not given in place of a thumbnail. */
const MAX_ORIGINAL = 4_194_304;
/** As far as the facts about an image are looked for. */
const HEAD = 65_536;
const PNG = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const JPEG = Buffer.from([0xff, 0xd8, 0xff]);
/** Byte and bit of the extended WebP header that tell of an animation. */
const WEBP_FLAGS = 20;
const WEBP_ANIMATED = 0x02;

type Image = { readonly type: string; readonly isAnimated: boolean };

const ascii = (head: Buffer, start: number, length: number): string =>
  head.toString('latin1', start, start + length);

/** What kind of image begins so, by its bytes; undefined for what is none that may be a thumbnail. */
export const recognizeImage = (head: Buffer): Image | undefined => {
  if (head.subarray(0, JPEG.length).equals(JPEG)) return { type: 'image/jpeg', isAnimated: false };
  // Counting a GIF's frames means reading all of it, so every one counts as animated.
  if (/^GIF8[79]a$/.test(ascii(head, 0, 6))) return { type: 'image/gif', isAnimated: true };
  if (ascii(head, 0, 4) === 'RIFF' && ascii(head, 8, 4) === 'WEBP') {
    const flags = ascii(head, 12, 4) === 'VP8X' ? (head[WEBP_FLAGS] ?? 0) : 0;
    return { type: 'image/webp', isAnimated: (flags & WEBP_ANIMATED) !== 0 };
  }
  if (!head.subarray(0, PNG.length).equals(PNG)) return undefined;
  // An animation is announced before the first pixels.
  const pixels = head.indexOf('IDAT');
  const control = head.indexOf('acTL');
  return { type: 'image/png', isAnimated: pixels === -1 || (control !== -1 && control < pixels) };
};

/**
 * Images in place of thumbnails: nothing here scales pictures, and the spec lets the answer be larger than what was
 * asked for, so small originals are given (spec: Client-Server API, Thumbnails). Throws `too_large` for large ones, and
 * `unknown_client_error` for what is no image, or moves when it must not.
 */
export const originalAsThumbnail = async (
  downloads: Downloads,
  content: MediaContent,
  animated: boolean | undefined,
): Promise<{ readonly content: MediaContent; readonly contentType: string }> => {
  const refuse = (): DomainError =>
    new DomainError('unknown_client_error', 'Cannot generate thumbnails for the requested content');
  if (!essence(content.contentType).startsWith('image/') || content.size === 0) throw refuse();
  if (content.size > MAX_ORIGINAL) throw new DomainError('too_large', 'Content is too large to thumbnail');
  const chunks: Uint8Array[] = [];
  const range = { start: 0, end: Math.min(HEAD, content.size) - 1 };
  for await (const chunk of await downloads.open(content, range)) chunks.push(chunk as Uint8Array);
  const image = recognizeImage(Buffer.concat(chunks));
  if (image === undefined || (animated === false && image.isAnimated)) throw refuse();
  return { content, contentType: image.type };
};
