import type { ErrorCode } from '../domain/errors.ts';
import { DomainError } from '../domain/errors.ts';

/** An error as it leaves the process. */
export type ErrorReply = {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
  readonly headers: Readonly<Record<string, string>>;
};

type Mapped = readonly [status: number, errcode: string];

/** Status and errcode of each code (spec: Client-Server API, Standard error response and the operations' own). */
const mapCode = (code: ErrorCode): Mapped => {
  switch (code) {
    case 'bad_json':
      return [400, 'M_BAD_JSON'];
    case 'not_json':
      return [400, 'M_NOT_JSON'];
    case 'invalid_param':
      return [400, 'M_INVALID_PARAM'];
    case 'invalid_signature':
      return [400, 'M_INVALID_SIGNATURE'];
    case 'missing_param':
      return [400, 'M_MISSING_PARAM'];
    case 'invalid_username':
      return [400, 'M_INVALID_USERNAME'];
    case 'user_in_use':
      return [400, 'M_USER_IN_USE'];
    case 'server_controlled':
      return [405, 'M_BAD_JSON'];
    case 'exclusive':
      return [400, 'M_EXCLUSIVE'];
    case 'weak_password':
      return [400, 'M_WEAK_PASSWORD'];
    case 'missing_token':
      return [401, 'M_MISSING_TOKEN'];
    case 'unknown_token':
      return [401, 'M_UNKNOWN_TOKEN'];
    case 'unauthorized':
      return [401, 'M_UNAUTHORIZED'];
    case 'user_locked':
      return [401, 'M_USER_LOCKED'];
    case 'interactive_auth':
      return [401, 'M_FORBIDDEN'];
    case 'user_deactivated':
      return [403, 'M_USER_DEACTIVATED'];
    case 'user_suspended':
      return [403, 'M_USER_SUSPENDED'];
    case 'guest_access_forbidden':
      return [403, 'M_GUEST_ACCESS_FORBIDDEN'];
    case 'forbidden':
      return [403, 'M_FORBIDDEN'];
    case 'not_recommended':
      return [400, 'M_FORBIDDEN'];
    case 'limit_exceeded':
      return [429, 'M_LIMIT_EXCEEDED'];
    case 'too_large':
      return [413, 'M_TOO_LARGE'];
    case 'not_found':
      return [404, 'M_NOT_FOUND'];
    case 'unrecognized':
      return [404, 'M_UNRECOGNIZED'];
    case 'method_not_allowed':
      return [405, 'M_UNRECOGNIZED'];
    case 'room_in_use':
      return [400, 'M_ROOM_IN_USE'];
    case 'alias_in_use':
      return [409, 'M_UNKNOWN'];
    case 'invalid_room_state':
      return [400, 'M_INVALID_ROOM_STATE'];
    case 'unsupported_room_version':
      return [400, 'M_UNSUPPORTED_ROOM_VERSION'];
    case 'incompatible_room_version':
      return [400, 'M_INCOMPATIBLE_ROOM_VERSION'];
    case 'unable_to_authorise_join':
      return [400, 'M_UNABLE_TO_AUTHORISE_JOIN'];
    case 'unable_to_grant_join':
      return [400, 'M_UNABLE_TO_GRANT_JOIN'];
    case 'duplicate_annotation':
      return [400, 'M_DUPLICATE_ANNOTATION'];
    case 'bad_state':
      return [400, 'M_BAD_STATE'];
    case 'bad_alias':
      return [400, 'M_BAD_ALIAS'];
    case 'cannot_leave_server_notice_room':
      return [403, 'M_CANNOT_LEAVE_SERVER_NOTICE_ROOM'];
    case 'invite_blocked':
      return [403, 'M_INVITE_BLOCKED'];
    case 'stale_epoch':
      return [403, 'CHAT.NYX.STALE_EPOCH'];
    case 'wrong_room_keys_version':
      return [403, 'M_WRONG_ROOM_KEYS_VERSION'];
    case 'unknown_pos':
      return [400, 'M_UNKNOWN_POS'];
    case 'unknown_device':
      return [400, 'M_UNKNOWN_DEVICE'];
    case 'url_not_set':
      return [400, 'M_URL_NOT_SET'];
    case 'profile_too_large':
      return [400, 'M_PROFILE_TOO_LARGE'];
    case 'key_too_large':
      return [400, 'M_KEY_TOO_LARGE'];
    case 'threepid_denied':
      return [403, 'M_THREEPID_DENIED'];
    case 'threepid_not_found':
      return [400, 'M_THREEPID_NOT_FOUND'];
    case 'server_not_trusted':
      return [400, 'M_SERVER_NOT_TRUSTED'];
    case 'not_yet_uploaded':
      return [504, 'M_NOT_YET_UPLOADED'];
    case 'cannot_overwrite_media':
      return [409, 'M_CANNOT_OVERWRITE_MEDIA'];
    case 'too_many_uploads':
      return [403, 'M_FORBIDDEN'];
    case 'federation_disabled':
      return [403, 'M_FORBIDDEN'];
    case 'conflict':
      return [409, 'M_UNKNOWN'];
    case 'bad_gateway':
      return [502, 'M_UNKNOWN'];
    case 'gateway_timeout':
      return [504, 'M_UNKNOWN'];
    case 'request_timeout':
      return [408, 'M_UNKNOWN'];
    case 'unavailable':
      return [503, 'M_UNKNOWN'];
    case 'partial_state':
      return [404, 'M_UNABLE_DUE_TO_PARTIAL_STATE'];
    case 'unknown_client_error':
      return [400, 'M_UNKNOWN'];
    case 'internal':
      return [500, 'M_UNKNOWN'];
  }
};

const retryAfterHeader = (milliseconds: number): string =>
  String(Math.max(1, Math.ceil(milliseconds / 1_000)));

/**
 * The answer for a domain error. The staged authentication answer (401 with flows) is not an error to the spec, so it
 * has an errcode only when its fields name one.
 */
export const replyFor = (error: DomainError): ErrorReply => {
  const [status, errcode] = mapCode(error.code);
  const body: Record<string, unknown> =
    error.code === 'interactive_auth'
      ? { ...error.fields }
      : { errcode, error: error.message, ...error.fields };
  const headers: Record<string, string> = {};
  if (error.retryAfterMs !== undefined) {
    headers['retry-after'] = retryAfterHeader(error.retryAfterMs);
    // Kept beside the header for clients from before v1.10 of the spec.
    if (error.code === 'limit_exceeded') body.retry_after_ms = Math.ceil(error.retryAfterMs);
  }
  return { status, body, headers };
};

const INTERNAL = new DomainError('internal', 'Internal server error');

/** How an unexpected failure of a storage adapter shows itself, so that it becomes 503 and not 500. */
export type OutageTest = (error: unknown) => boolean;

const OUTAGE_RETRY_MS = 5_000;

/** Turns whatever was thrown into a domain error; the text of anything unexpected stays inside. */
export const toDomainError = (error: unknown, isOutage: OutageTest): DomainError => {
  if (error instanceof DomainError) return error;
  if (isOutage(error)) {
    return new DomainError('unavailable', 'The server cannot reach its storage, try again later', {
      retryAfterMs: OUTAGE_RETRY_MS,
      cause: error,
    });
  }
  return INTERNAL;
};
