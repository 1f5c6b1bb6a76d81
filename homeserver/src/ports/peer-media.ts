/** An answer of another server to a request for media. The body must be read or given up. */
export type PeerMediaAnswer = {
  readonly contentType: string | undefined;
  readonly body: AsyncIterable<Uint8Array>;
};

/** Media of other servers, over federation. */
export interface PeerMedia {
  /** Asks for a file. Throws `not_found`, `not_yet_uploaded`, `bad_gateway` or `gateway_timeout`. */
  open(server: string, mediaId: string): Promise<PeerMediaAnswer>;
}
