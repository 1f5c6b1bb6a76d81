import type { ThumbnailShape } from '../../ports/images.ts';

/** Sizes that are made (spec: Client-Server API, Thumbnails); another one asked for gets the next larger of them. */
const SIZES = [
  { width: 32, height: 32 },
  { width: 96, height: 96 },
  { width: 320, height: 240 },
  { width: 640, height: 480 },
  { width: 800, height: 600 },
] as const;

/** The shape that is made for what was asked for: few are kept of each file, whatever clients ask. */
export const shapeFor = (wanted: {
  readonly width: number;
  readonly height: number;
  readonly method?: 'crop' | 'scale' | undefined;
  readonly animated?: boolean | undefined;
}): ThumbnailShape => {
  const { width, height, method = 'scale', animated = false } = wanted;
  const size = SIZES.find((each) => each.width >= width && each.height >= height) ?? LARGEST;
  return { ...size, method, animated };
};

const LARGEST = { width: 800, height: 600 } as const;

/** The name of a shape in storage. */
export const variantOf = ({ width, height, method, animated }: ThumbnailShape): string =>
  `${width}x${height}-${method}${animated ? '-animated' : ''}`;
