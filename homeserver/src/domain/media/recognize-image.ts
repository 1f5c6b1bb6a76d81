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
