/** How an operation fails. */

/** Stable error codes of answers. */
export type EngineErrorCode =
  | 'BAD_MESSAGE'
  | 'VAULT_MISSING'
  | 'VAULT_EXISTS'
  | 'VAULT_LOCKED'
  | 'WRONG_PASSPHRASE'
  | 'WRONG_WORDS'
  | 'VAULT_DAMAGED'
  | 'ROLLED_BACK'
  | 'NOT_ENCRYPTED_ROOM'
  | 'UNSUPPORTED_ALGORITHM'
  | 'NOT_JOINED'
  | 'IDENTITY_MISSING'
  | 'UNKNOWN_FLOW'
  | 'WRONG_PHASE'
  | 'BAD_QR'
  | 'BAD_ATTACHMENT'
  | 'UNKNOWN_SECRET'
  | 'BAD_SEALED'
  | 'IDENTITY_CHANGED'
  | 'EVENT_TOO_LARGE'
  | 'VALUE_TOO_LARGE'
  | 'NETWORK'
  | 'STORE_FAILED'
  | 'INTERNAL';

export type EngineFailure = { readonly code: EngineErrorCode; readonly message: string };
