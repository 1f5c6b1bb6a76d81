import { hash, verify } from '@node-rs/argon2';
import type { PasswordHasher } from '../ports/password-hasher.ts';

/** OWASP's minimum for argon2id. */
const OPTIONS = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** A hash of nothing anybody knows, so that unknown users take as long as known ones. */
let decoy: Promise<string> | undefined;

/** argon2id off the main thread. */
export const argon2Hasher: PasswordHasher = {
  hash: (password) => hash(password.normalize('NFC'), OPTIONS),
  verify: async (stored, password) => {
    decoy ??= hash('decoy', OPTIONS);
    const matches = await verify(stored ?? (await decoy), password.normalize('NFC'), OPTIONS);
    return stored !== undefined && matches;
  },
};
