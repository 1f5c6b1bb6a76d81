/** The injected source of randomness. Production reads the system's CSPRNG; tests seed it. */
export interface Random {
  /** `length` random bytes. */
  bytes(length: number): Uint8Array;
}
