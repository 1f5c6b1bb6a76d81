/** A row of the directory: its name (32 hexadecimal digits), and content that only a look-up opens. */
export type Listing = { readonly id: string; readonly card: string };

/** Where rows are kept. */
export interface ListingStore {
  /** Adds or replaces; gone after `expireAt` (ms). */
  put(row: Listing, expireAt: number): Promise<void>;
  remove(id: string): Promise<void>;
  has(id: string): Promise<boolean>;
  /** In order of their names. */
  beginningWith(prefix: string, limit: number): Promise<readonly Listing[]>;
  /** About how many there are. */
  count(): Promise<number>;
}

/** The server's half of OPRF(ristretto255, SHA-512) (RFC 9497), mode OPRF, under a key that never leaves it. */
export interface BlindEvaluator {
  /** Evaluates an element; undefined when it is no point of the group. */
  evaluate(element: Uint8Array): Uint8Array | undefined;
  /** The function itself, for what this server knows anyway: 64 bytes. */
  output(input: Uint8Array): Uint8Array;
}

/** Listings of other servers. */
export interface RemoteListings {
  /** Both throw `not_found`, `bad_gateway` or `gateway_timeout`. */
  evaluate(server: string, element: string): Promise<{ readonly evaluated: string; readonly digits: number }>;
  rows(server: string, prefix: string): Promise<readonly Listing[]>;
}
