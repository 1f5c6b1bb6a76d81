/** HTTP methods the Matrix APIs use. */
export type HttpMethod = 'DELETE' | 'GET' | 'POST' | 'PUT';

/**
 * Who may call an operation: `none` anybody, `token` a user's access token, `optional-token` a token is used when
 * sent, `appservice` an application service's token, `server` a signed federation request (X-Matrix).
 */
export type EndpointAuth = 'appservice' | 'none' | 'optional-token' | 'server' | 'token';

/** One path under which an operation is, or was, reachable. */
export type EndpointPath = {
  /** With `{name}` parameters, from the root: `/_matrix/client/v3/rooms/{roomId}/send/{eventType}/{txnId}`. */
  readonly path: string;
  /** First spec version that has the path: `r0` for those older than v1.1, `unstable` for proposals' paths. */
  readonly since: string;
};

/** One operation of the Matrix specification, as `../matrix-spec` describes it. */
export type Endpoint = {
  /** `client/<operationId>` or `federation/<operationId>`: unique, and the key of the coverage records. */
  readonly id: string;
  readonly method: HttpMethod;
  /** The current stable path. */
  readonly path: string;
  /** Every path the operation has had, the current one first. */
  readonly history: readonly EndpointPath[];
  readonly auth: EndpointAuth;
  readonly deprecated: boolean;
  /** Whether the spec rate-limits it (it documents a 429). */
  readonly rateLimited: boolean;
  /** Statuses the spec documents, other than 200. */
  readonly otherStatuses: readonly number[];
  /** Section of the specification. */
  readonly spec: string;
};
