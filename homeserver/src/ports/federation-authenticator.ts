/** The parts of a request that another server's signature covers. */
export type SignedRequest = {
  readonly method: string;
  /** Path and query exactly as they were sent. */
  readonly uri: string;
  readonly authorization: string | undefined;
  /** The body's bytes; empty when there was none. */
  readonly body: Uint8Array;
  /** Whether the body may hold JSON that cannot be read without loss, because it is read part by part. */
  readonly isReadInParts: boolean;
};

/** Checks the `X-Matrix` signature of a federation request (spec: Server-Server API, Request authentication). */
export interface FederationAuthenticator {
  /** The server that signed the request. Throws `unauthorized` or `forbidden`. */
  verify(request: SignedRequest): Promise<{ readonly origin: string }>;
}
