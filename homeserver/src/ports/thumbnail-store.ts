import type { MediaContent } from './media-store.ts';

/** A scaled picture of a file: of what, and which variant. */
export type ThumbnailKey = {
  readonly server: string;
  readonly mediaId: string;
  /** Size, method and whether it moves, e.g. `96x96-crop`. */
  readonly variant: string;
};

/** Why a file has no thumbnail: it is no picture that can be read, or has too many pixels or bytes. */
export type ThumbnailFailure = 'no_image' | 'too_large';

export type StoredThumbnail =
  | { readonly content: MediaContent; readonly failure?: undefined }
  | { readonly content?: undefined; readonly failure: ThumbnailFailure };

/** Thumbnails that were made, or could not be. */
export interface ThumbnailStore {
  find(key: ThumbnailKey): Promise<StoredThumbnail | undefined>;
  /** False when there is one. */
  add(key: ThumbnailKey, thumbnail: StoredThumbnail): Promise<boolean>;
  /** Blobs of the thumbnails of a file. */
  blobsOf(server: string, mediaId: string): Promise<string[]>;
  removeOf(server: string, mediaId: string): Promise<void>;
  refersTo(blob: string): Promise<boolean>;
}
