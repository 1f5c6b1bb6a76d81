/** Why the server closes a socket, and with which code: what a client does next hangs on it (docs/socket.md). */
export const CLOSE_CODES = {
  going_away: 1001,
  binary_frame: 1003,
  frame_too_large: 1009,
  try_again_later: 1013,
  bad_frame: 4000,
  unknown_token: 4001,
  token_expired: 4002,
  forbidden: 4003,
  auth_timeout: 4004,
  slow_consumer: 4005,
  no_heartbeat: 4006,
  replaced: 4007,
  rate_limited: 4008,
  unknown_since: 4009,
  wrong_session: 4010,
  internal: 4011,
} as const;

export type CloseReason = keyof typeof CLOSE_CODES;

/** What the `bye` frame says beside code and reason. */
export type CloseDetails = {
  readonly error: string;
  readonly errcode?: string;
  readonly retry_after_ms?: number;
  readonly soft_logout?: boolean;
};

/** Thrown where a socket cannot go on. */
export class SocketClosed extends Error {
  override readonly name = 'SocketClosed';
  readonly reason: CloseReason;
  readonly details: CloseDetails;

  constructor(reason: CloseReason, details: CloseDetails) {
    super(details.error);
    this.reason = reason;
    this.details = details;
  }
}
