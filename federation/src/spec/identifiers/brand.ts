declare const brand: unique symbol;

/**
 * A string whose grammar has been checked. The brand exists only in types: the one way to get one is the guard
 * or parser of its file.
 */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** Which identifier did not parse. Stable, for logs and tests. */
export type IdentifierKind =
  'server_name' | 'user_id' | 'room_id' | 'room_alias' | 'event_id' | 'key_id' | 'device_id' | 'mxc_uri';

/** An identifier from outside that breaks its grammar. The offending text is deliberately not in the message. */
export class IdentifierError extends Error {
  override readonly name = 'IdentifierError';
  readonly code = 'invalid_identifier';
  readonly kind: IdentifierKind;

  constructor(kind: IdentifierKind) {
    super(`not a valid ${kind.replace('_', ' ')}`);
    this.kind = kind;
  }
}
