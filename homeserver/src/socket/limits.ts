/** What a socket may cost (docs/socket.md, Limits). Bytes, milliseconds, counts. */

export const SOCKET_PATH = '/_matrix/client/unstable/chat.nyx.socket';
export const SUBPROTOCOL = 'chat.nyx.socket.v1';

export const MAX_FRAME_BYTES = 256 * 1_024;
export const MAX_FIRST_FRAME_BYTES = 8 * 1_024;
/** What a frame may have beside the body of its operation. */
export const FRAME_OVERHEAD_BYTES = 4 * 1_024;

export const FRAMES_PER_SECOND = 50;
export const FRAME_BURST = 100;
/** Frames beyond the burst that are answered with an error before the connection is closed. */
export const FRAME_PATIENCE = 200;

export const MAX_RUNNING = 16;
export const MAX_WAITING = 64;
/** Frames that wait for those before them; reading stops until they are fewer. */
export const MAX_INBOUND = 64;

export const MAX_UNACKNOWLEDGED = 8;
/** Bytes that lie unsent when no further delta is worked out. */
export const MAX_UNSENT = 1_024 * 1_024;

export const MAX_PER_DEVICE = 4;
export const MAX_PER_USER = 32;
export const MAX_UNKNOWN_PER_ADDRESS = 20;
export const MAX_SOCKETS = 10_000;

/** How long things may take. */
export type SocketTiming = {
  readonly heartbeatMs: number;
  /** From the connection to `auth`. */
  readonly authMs: number;
  /** From the end of a token to the next. */
  readonly graceMs: number;
  /** Without the client's taking anything of what lies unsent. */
  readonly stallMs: number;
};

/** The times of one socket, in milliseconds; how often it must be heard of is the operator's. */
export const socketTiming = (heartbeatMs: number): SocketTiming => ({
  heartbeatMs,
  authMs: 10_000,
  graceMs: 30_000,
  stallMs: 30_000,
});
