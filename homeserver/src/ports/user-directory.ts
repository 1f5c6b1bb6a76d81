/** A user as others may find them. */
export type DirectoryEntry = {
  readonly userId: string;
  readonly displayName: string | undefined;
  readonly avatarUrl: string | undefined;
};

export type DirectoryQuery = {
  /** Each must be the beginning of a word of the user's name or id. */
  readonly words: readonly string[];
  /** Or the id begins with this, when it is given. */
  readonly idPrefix: string | undefined;
  /** Only these users; when undefined, only those who were seen in a public room. */
  readonly among: readonly string[] | undefined;
  readonly limit: number;
};

/** Users that can be searched for. Whether somebody may be shown to somebody is not its business. */
export interface UserDirectory {
  put(entry: DirectoryEntry): Promise<void>;
  /** Adds a user of another server as a room shows them; one seen in a public room is shown as there. */
  see(entry: DirectoryEntry, inPublic: boolean): Promise<void>;
  /** Notes that users are in a public room. Those who are not known are passed over. */
  markPublic(userIds: readonly string[]): Promise<void>;
  /** A user turned out to be in no public room any more. */
  unmarkPublic(userId: string): Promise<void>;
  remove(userId: string): Promise<void>;
  search(query: DirectoryQuery): Promise<DirectoryEntry[]>;
}
