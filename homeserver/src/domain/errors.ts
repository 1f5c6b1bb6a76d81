/**
 * Every way in which a request can be refused, as stable codes. `http/errors.ts` alone knows which HTTP status and
 * Matrix errcode each of them becomes (spec: Client-Server API, Standard error response).
 */
export type ErrorCode =
  | 'bad_json'
  | 'not_json'
  | 'invalid_param'
  | 'invalid_signature'
  | 'missing_param'
  | 'invalid_username'
  | 'user_in_use'
  | 'exclusive'
  | 'server_controlled'
  | 'weak_password'
  | 'missing_token'
  | 'unknown_token'
  | 'unauthorized'
  | 'user_deactivated'
  | 'user_locked'
  | 'user_suspended'
  | 'guest_access_forbidden'
  | 'forbidden'
  | 'not_recommended'
  | 'interactive_auth'
  | 'limit_exceeded'
  | 'too_large'
  | 'not_found'
  | 'unrecognized'
  | 'method_not_allowed'
  | 'room_in_use'
  | 'alias_in_use'
  | 'invalid_room_state'
  | 'unsupported_room_version'
  | 'incompatible_room_version'
  | 'unable_to_authorise_join'
  | 'unable_to_grant_join'
  | 'duplicate_annotation'
  | 'bad_state'
  | 'bad_alias'
  | 'cannot_leave_server_notice_room'
  | 'invite_blocked'
  | 'wrong_room_keys_version'
  | 'unknown_pos'
  | 'unknown_device'
  | 'url_not_set'
  | 'profile_too_large'
  | 'key_too_large'
  | 'threepid_denied'
  | 'threepid_not_found'
  | 'server_not_trusted'
  | 'not_yet_uploaded'
  | 'cannot_overwrite_media'
  | 'too_many_uploads'
  | 'federation_disabled'
  | 'conflict'
  | 'bad_gateway'
  | 'gateway_timeout'
  | 'request_timeout'
  | 'unavailable'
  | 'partial_state'
  | 'unknown_client_error'
  | 'stale_epoch'
  | 'internal';

export type ErrorDetails = {
  /** Further keys of the answer's body, e.g. `soft_logout` or `current_version`. Never secrets. */
  readonly fields?: Readonly<Record<string, unknown>>;
  /** When it makes sense to ask again, in milliseconds from now. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

/** A refusal with a stable code. The message is shown to clients, so it carries no internals. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly code: ErrorCode;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? {} : { cause: details.cause });
    this.code = code;
    this.fields = details.fields ?? {};
    this.retryAfterMs = details.retryAfterMs;
  }
}
