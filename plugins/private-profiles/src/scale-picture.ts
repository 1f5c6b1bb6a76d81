import type { Picture } from './own-profile.ts';

/** Width and height of a published picture, px. */
const SIDE = 256;
const TYPE = 'image/webp';
const QUALITY = 0.85;

/** Cuts the middle square out of a chosen file, scales it down and drops what else the file said, such as the place. */
export async function scalePicture(file: Blob): Promise<Picture> {
  const bitmap = await createImageBitmap(file);
  const side = Math.min(bitmap.width, bitmap.height);
  const canvas = new OffscreenCanvas(SIDE, SIDE);
  const at = { x: (bitmap.width - side) / 2, y: (bitmap.height - side) / 2 };
  canvas.getContext('2d')?.drawImage(bitmap, at.x, at.y, side, side, 0, 0, SIDE, SIDE);
  bitmap.close();
  const blob = await canvas.convertToBlob({ type: TYPE, quality: QUALITY });
  // Browsers that cannot write WebP write PNG.
  return { data: new Uint8Array(await blob.arrayBuffer()), mimetype: blob.type };
}
