/**
 * The half of the vault's lock that never leaves the browser profile: a non-extractable WebCrypto key. A copied
 * database without it is useless even to someone who knows the passphrase, as long as the browser keeps its word.
 */
export interface DeviceKey {
  wrap(plain: Uint8Array): Promise<Uint8Array>;
  /** Throws when the wrapped bytes are not this key's. */
  unwrap(wrapped: Uint8Array): Promise<Uint8Array>;
  /** What the store keeps: structured-cloneable, opaque. */
  readonly stored: unknown;
}

export interface DeviceKeys {
  create(): Promise<DeviceKey>;
  restore(stored: unknown): DeviceKey;
}
