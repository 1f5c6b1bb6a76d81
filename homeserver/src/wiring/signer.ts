import type { Config } from '@nyx/config/schema.ts';
import type { Signer } from '@nyx/federation/signing/keys.ts';
import { parseServerName } from '@nyx/federation/spec/identifiers/server-name.ts';
import type { Platform } from '../ports/platform.ts';

/** Who signs events and requests: this server, with its current key. */
export const signerOf = (config: Config, platform: Platform): Signer => ({
  server: parseServerName(config.server.name),
  key: platform.signingKeys.current,
});
