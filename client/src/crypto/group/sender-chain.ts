/**
 * A sender's keys within one generation: `HKDF(GK[g], salt, "snd" | user | device)`, advanced once per message. The
 * salt is fresh at every start of the engine and every CHAIN_LENGTH messages, so that a profile restored from an old
 * copy cannot use a key twice, and so that a made-up message number costs little.
 */
import { utf8 } from '../primitives/bytes.ts';
import { Writer } from '../primitives/codec.ts';
import { hkdfExpand, hkdfSha256 } from '../primitives/hkdf.ts';
import { Secret } from '../primitives/secret.ts';
import { XCHACHA_KEY_BYTES, XCHACHA_NONCE_BYTES } from '../primitives/xchacha.ts';
import type { GroupKey } from './epoch.ts';
import { GroupError } from './errors.ts';

export const SALT_BYTES = 16;
/** Messages under one salt. */
export const CHAIN_LENGTH = 128;
const CHAIN_KEY_BYTES = 32;
const STEP_BYTES = XCHACHA_KEY_BYTES + XCHACHA_NONCE_BYTES + CHAIN_KEY_BYTES;
const STEP_INFO = utf8('chat.nyx/gmsg/1');

export type MessageKey = { readonly key: Uint8Array; readonly nonce: Uint8Array };

/** Message keys of one chain, in any order; steps once computed are kept. */
export class SenderChain {
  readonly #steps: Secret<'chain-key'>[] = [];

  constructor(key: GroupKey, salt: Uint8Array, user: string, device: string) {
    const info = new Writer().text('chat.nyx/snd/1').text(user).text(device).finish();
    const first = hkdfSha256({ ikm: key.expose(), salt, info, length: CHAIN_KEY_BYTES });
    this.#steps.push(Secret.take('chain-key', first));
  }

  /** Key and nonce of message `n`, for the caller to wipe. Throws OUT_OF_BOUNDS past the chain's end. */
  messageKey(n: number): MessageKey {
    if (!Number.isInteger(n) || n < 0 || n >= CHAIN_LENGTH)
      throw new GroupError('OUT_OF_BOUNDS', `message ${n}`);
    let material: Uint8Array | undefined;
    for (let i = Math.min(n, this.#steps.length - 1); i <= n; i++) {
      material?.fill(0);
      material = hkdfExpand(this.#stepKey(i), STEP_INFO, STEP_BYTES);
      if (this.#steps.length === i + 1)
        this.#steps.push(
          Secret.copy('chain-key', material.subarray(XCHACHA_KEY_BYTES + XCHACHA_NONCE_BYTES)),
        );
    }
    if (material === undefined) throw new GroupError('OUT_OF_BOUNDS');
    const key = material.slice(0, XCHACHA_KEY_BYTES);
    const nonce = material.slice(XCHACHA_KEY_BYTES, XCHACHA_KEY_BYTES + XCHACHA_NONCE_BYTES);
    material.fill(0);
    return { key, nonce };
  }

  wipe(): void {
    for (const step of this.#steps) step.wipe();
  }

  #stepKey(i: number): Uint8Array {
    const step = this.#steps[i];
    if (step === undefined) throw new GroupError('OUT_OF_BOUNDS');
    return step.expose();
  }
}

/** Chains in use, the least recently used wiped first. They are derived: losing one costs time only. */
export class ChainCache {
  readonly #chains = new Map<string, SenderChain>();
  readonly #capacity: number;

  constructor(capacity = 256) {
    this.#capacity = capacity;
  }

  /** The chain called `name`, or what `make` makes. */
  get(name: string, make: () => SenderChain): SenderChain {
    const known = this.#chains.get(name);
    const chain = known ?? make();
    this.#chains.delete(name);
    this.#chains.set(name, chain);
    if (this.#chains.size > this.#capacity) {
      const oldest = this.#chains.keys().next().value;
      if (oldest !== undefined) this.#drop(oldest);
    }
    return chain;
  }

  /** Wipes every chain whose name starts with `prefix`. */
  dropWhere(prefix: string): void {
    for (const name of [...this.#chains.keys()]) if (name.startsWith(prefix)) this.#drop(name);
  }

  #drop(name: string): void {
    this.#chains.get(name)?.wipe();
    this.#chains.delete(name);
  }
}
