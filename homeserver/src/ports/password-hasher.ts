/** Slow, salted hashing of passwords. */
export interface PasswordHasher {
  /** A string that names its algorithm and parameters. */
  hash(password: string): Promise<string>;
  /** Whether `password` has this hash. With no hash it takes as long, and is false: nobody learns who exists. */
  verify(hash: string | undefined, password: string): Promise<boolean>;
}
