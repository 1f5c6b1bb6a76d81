/** How a thumbnail is to be. */
export type ThumbnailShape = {
  readonly width: number;
  readonly height: number;
  /** `crop` fills the size and cuts off the rest; `scale` fits into it. */
  readonly method: 'crop' | 'scale';
  readonly animated: boolean;
};

export type ImageFacts = {
  readonly width: number;
  readonly height: number;
  readonly contentType: string;
};

/** Reads and scales pictures of the formats that a browser may show: PNG, JPEG, GIF, WebP; by content, not by name. */
export interface Images {
  /** Undefined for what is none, or cannot be read. */
  measure(bytes: Uint8Array): Promise<ImageFacts | undefined>;
  /**
   * A thumbnail, never larger than its picture and without its metadata. Undefined for what is no picture; `too_large`
   * when it has more pixels, over all its frames, than is allowed.
   */
  thumbnail(
    bytes: Uint8Array,
    shape: ThumbnailShape,
  ): Promise<{ readonly bytes: Buffer; readonly contentType: string } | 'too_large' | undefined>;
}
