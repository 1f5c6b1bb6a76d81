import type { Secret } from '@nyx/config/secret.ts';
import type { SigningKeys } from '../services/signing-keys.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { Random } from './random.ts';

/** What a server gets from outside: time, randomness, the log and its own identity. */
export type Platform = {
  readonly clock: Clock;
  readonly random: Random;
  /** Milliseconds from any fixed point, never going back. */
  readonly monotonic: () => number;
  readonly logger: Logger;
  /** The space in which process names are unique, and the name of this process in it. */
  readonly processSpace: string;
  readonly processName: string;
  readonly isProcessAlive: (name: string) => boolean;
  /** The keys this server signs with. */
  readonly signingKeys: SigningKeys;
  /** The secret of that name in the data folder, made when it is missing. */
  readonly secret: (name: string) => Secret;
  /** Folder of the built web client. There may be none in it. */
  readonly webClientPath: string;
  /** Settles when the client in that folder is the one to serve: it may still be being built. Never rejects. */
  readonly webClientReady: Promise<void>;
};
