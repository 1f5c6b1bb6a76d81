/** What is known of uploaded bytes. */
export type MediaContent = {
  /** Id in the blob store. */
  readonly blob: string;
  /** Bytes. */
  readonly size: number;
  /** SHA-256 of the bytes, hexadecimal. */
  readonly sha256: string;
  /** A well-formed media type. */
  readonly contentType: string;
  readonly fileName?: string;
};

/** A content URI: who has it, and what it holds. */
export type MediaRecord = {
  readonly server: string;
  readonly mediaId: string;
  /** The user who made it; not known for other servers' media. */
  readonly owner?: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** When it was last asked for, about; only of what may be deleted when nobody does: copies of other servers' files. */
  readonly seenAt?: number;
  /** Until when an announced upload may be made, in milliseconds since the epoch. */
  readonly expiresAt?: number;
  /** Undefined while the upload is only announced. */
  readonly content?: MediaContent;
};

/** Content URIs and what they hold. */
export interface MediaStore {
  /** Adds a record; false when there is one of that name. */
  add(record: MediaRecord): Promise<boolean>;
  find(server: string, mediaId: string): Promise<MediaRecord | undefined>;
  /** Gives an announced upload its content, once; false when it has some, or is not there. */
  complete(server: string, mediaId: string, content: MediaContent): Promise<boolean>;
  /** How many announced uploads of a user are still awaited. Forgets those that were not made in time. */
  countPending(owner: string, now: number): Promise<number>;
  /** Notes that a copy was asked for. */
  see(server: string, mediaId: string, at: number): Promise<void>;
  /** Copies that were last asked for before a time. */
  unseenSince(before: number, limit: number): Promise<MediaRecord[]>;
  remove(server: string, mediaId: string): Promise<void>;
  /** Whether any record refers to a blob. */
  refersTo(blob: string): Promise<boolean>;
}
