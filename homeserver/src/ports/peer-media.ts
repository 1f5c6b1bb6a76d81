/** An answer of another server to a request for media. The body must be read or given up. */
export type PeerMediaAnswer = {
  readonly contentType: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
};

/** A file that another server keeps somewhere else. */
export type ElsewhereMedia = {
  readonly contentType: string | undefined;
  readonly disposition: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
};

/** Media of other servers, over federation. */
export interface PeerMedia {
  /** Asks for a file. Throws `not_found`, `not_yet_uploaded`, `bad_gateway` or `gateway_timeout`. */
  open(server: string, mediaId: string): Promise<PeerMediaAnswer>;
  /** Gets a file from where its server says that it is. Throws `bad_gateway`. */
  openElsewhere(location: string): Promise<ElsewhereMedia>;
}
