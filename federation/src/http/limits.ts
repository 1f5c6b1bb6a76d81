/** Bounds on what the HTTP side takes from other servers. The spec leaves these to implementations. */

/** Port of the federation API where neither the name nor a delegation says one (Server-Server API, server discovery). */
export const DEFAULT_FEDERATION_PORT = 8448;

/** Most bytes of a `.well-known/matrix/server` document: it holds one name. */
export const MAX_WELL_KNOWN_BYTES = 50_000;

/** Most redirects followed for it; the spec asks for redirects to be followed and loops to be avoided. */
export const MAX_WELL_KNOWN_REDIRECTS = 10;

/** Most SRV targets tried for one server. */
export const MAX_SRV_TARGETS = 8;

/** Default bound of a JSON answer; a full room state of a large room is the largest, and asks for more explicitly. */
export const MAX_RESPONSE_BYTES = 50_000_000;

/** Servers whose resolution, health or connections are remembered at a time. */
export const MAX_REMEMBERED_SERVERS = 10_000;

/** Servers to which connections are kept open at a time. */
export const MAX_OPEN_POOLS = 500;

/** Connections to one server at a time. */
export const MAX_CONNECTIONS_PER_SERVER = 8;
