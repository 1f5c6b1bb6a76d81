import { CryptoError } from '../crypto/primitives/errors.ts';

/** What can go wrong with the vault; nothing was changed when one of these is thrown. */
export class VaultError extends CryptoError<
  | 'VAULT_MISSING'
  | 'VAULT_EXISTS'
  | 'VAULT_LOCKED'
  | 'WRONG_PASSPHRASE'
  | 'WRONG_WORDS'
  | 'BAD_WORDS'
  | 'VAULT_DAMAGED'
  | 'VALUE_TOO_LARGE'
  | 'NOT_JSON'
> {}
