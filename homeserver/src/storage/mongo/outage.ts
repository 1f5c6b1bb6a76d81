import mongoose from 'mongoose';

const { MongoError, MongoServerError, MongoNetworkError, MongoServerSelectionError } = mongoose.mongo;

/** Server codes of a member that is stopping, stepping down or not (any more) the primary. */
const UNAVAILABLE_CODES: ReadonlySet<unknown> = new Set([91, 189, 10_107, 11_600, 11_602, 13_435, 13_436]);

const NAMES: ReadonlySet<string> = new Set([
  'MongoNotConnectedError',
  'MongoTopologyClosedError',
  'MongoPoolClearedError',
  'MongoPoolClearedOnNetworkError',
  'MongoWaitQueueTimeoutError',
  'MongoOperationTimeoutError',
  'MongoClientClosedError',
]);

/** A connection that broke under a command may show itself without the driver's wrapping. */
const SOCKET_CODES: ReadonlySet<unknown> = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT']);

const isBrokenSocket = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && SOCKET_CODES.has(error.code);

/** Whether `error` says that the database cannot be reached just now, rather than that the request was wrong. */
export const isDatabaseOutage = (error: unknown): boolean => {
  if (!(error instanceof MongoError)) return isBrokenSocket(error);
  if (error instanceof MongoNetworkError || error instanceof MongoServerSelectionError) return true;
  if (error instanceof MongoServerError && UNAVAILABLE_CODES.has(error.code)) return true;
  return NAMES.has(error.name);
};

/** Whether `error` is a violated unique index; with a name, of that index. */
export const isDuplicateKey = (error: unknown, index?: string): boolean => {
  if (!(error instanceof MongoServerError) || error.code !== 11_000) return false;
  return index === undefined || error.message.includes(`index: ${index} `);
};

/** Labels on errors after which nobody knows whether the write happened. */
const UNKNOWN_OUTCOME = [
  'RetryableWriteError',
  'UnknownTransactionCommitResult',
  'TransientTransactionError',
];

/** Whether the database answered, so that the write has either happened by now or never will. */
export const hasDefiniteOutcome = (error: unknown): boolean =>
  error instanceof MongoServerError &&
  !UNAVAILABLE_CODES.has(error.code) &&
  !UNKNOWN_OUTCOME.some((label) => error.hasErrorLabel(label));
