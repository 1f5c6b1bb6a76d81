import type sharpLibrary from 'sharp';
import type { Images, ThumbnailShape } from '../ports/images.ts';
import { recognizeImage } from '../domain/media/recognize-image.ts';

/** The one thing of sharp that is used; the library is loaded with the first picture, because it takes 30 MB. */
type Sharp = typeof sharpLibrary;

/** libvips' names of the readers that are let at foreign bytes, after their kind was found by content. */
const READERS = [
  'VipsForeignLoadJpegBuffer',
  'VipsForeignLoadPngBuffer',
  'VipsForeignLoadNsgifBuffer',
  'VipsForeignLoadWebpBuffer',
];
const JPEG_QUALITY = 80;
const WEBP_QUALITY = 75;
const SECONDS = 20;

let loading: Promise<Sharp> | undefined;

const load = async (): Promise<Sharp> => {
  const { default: sharp } = await import('sharp');
  // A picture at a time on one thread: the workers decide how many at once. Nothing is kept after it.
  sharp.concurrency(1);
  sharp.cache(false);
  sharp.block({ operation: ['VipsForeignLoad'] });
  sharp.unblock({ operation: READERS });
  return sharp;
};

const library = (): Promise<Sharp> => (loading ??= load());

const isTooLarge = (error: unknown): boolean => error instanceof Error && /pixel limit/i.test(error.message);

/**
 * Pictures by sharp (libvips).
 *
 * @param maxPixels of a picture, over all its frames
 */
export const sharpImages = (maxPixels: number): Images => ({
  measure: async (bytes) => {
    const kind = recognizeImage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (kind === undefined) return undefined;
    const sharp = await library();
    try {
      const { width, height } = await sharp(bytes, { limitInputPixels: maxPixels }).metadata();
      return { width, height, contentType: kind.type };
    } catch {
      return undefined;
    }
  },
  thumbnail: async (bytes, shape) => {
    const kind = recognizeImage(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (kind === undefined) return undefined;
    const sharp = await library();
    const isAnimated = shape.animated && kind.isAnimated;
    try {
      return await scale(sharp, bytes, shape, { isAnimated, type: kind.type, maxPixels });
    } catch (error) {
      return isTooLarge(error) ? 'too_large' : undefined;
    }
  },
});

const scale = async (
  sharp: Sharp,
  bytes: Uint8Array,
  { width, height, method }: ThumbnailShape,
  {
    isAnimated,
    type,
    maxPixels,
  }: { readonly isAnimated: boolean; readonly type: string; readonly maxPixels: number },
) => {
  const image = sharp(bytes, {
    limitInputPixels: maxPixels,
    sequentialRead: true,
    failOn: 'error',
    animated: isAnimated,
  })
    // As cameras meant it: the note about the orientation goes with the rest of the metadata.
    .rotate()
    .timeout({ seconds: SECONDS })
    .resize({ width, height, fit: method === 'crop' ? 'cover' : 'inside', withoutEnlargement: true });
  if (isAnimated) {
    return { bytes: await image.webp({ quality: WEBP_QUALITY }).toBuffer(), contentType: 'image/webp' };
  }
  if (type === 'image/jpeg') {
    const jpeg = image.jpeg({ quality: JPEG_QUALITY, mozjpeg: false });
    return { bytes: await jpeg.toBuffer(), contentType: 'image/jpeg' };
  }
  return { bytes: await image.png({ compressionLevel: 9 }).toBuffer(), contentType: 'image/png' };
};
