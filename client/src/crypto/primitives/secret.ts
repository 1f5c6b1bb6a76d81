import { PrimitiveError } from './errors.ts';

const INSPECT = Symbol.for('nodejs.util.inspect.custom');

/**
 * A secret byte string that redacts itself in logs, JSON and inspection and can be wiped. `Kind` names what it is
 * ("x25519", "chain-key", ...), so that one kind cannot be passed where another is meant.
 *
 * A Secret owns its bytes: `Secret.take` adopts an array the caller gives up, `Secret.copy` leaves the original to
 * the caller. Wiping overwrites what this object holds; a JavaScript engine may have moved or copied memory before,
 * so it narrows the window and does not close it.
 */
export class Secret<Kind extends string = string> {
  readonly kind: Kind;
  readonly #bytes: Uint8Array;
  #wiped = false;

  private constructor(kind: Kind, bytes: Uint8Array) {
    this.kind = kind;
    this.#bytes = bytes;
  }

  /** Adopts `bytes`: from now on they belong to the Secret and are overwritten when it is wiped. */
  static take<K extends string>(kind: K, bytes: Uint8Array): Secret<K> {
    return new Secret(kind, bytes);
  }

  /** Copies `bytes`; the caller stays responsible for the original. */
  static copy<K extends string>(kind: K, bytes: Uint8Array): Secret<K> {
    return new Secret(kind, bytes.slice());
  }

  get length(): number {
    return this.#bytes.length;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  /** The live bytes, not a copy: hand them to a primitive or a codec and keep no reference. */
  expose(): Uint8Array {
    if (this.#wiped) throw new PrimitiveError('SECRET_WIPED', this.kind);
    return this.#bytes;
  }

  /** Overwrites the bytes; every later `expose` throws SECRET_WIPED. Wiping twice is harmless. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  [Symbol.dispose](): void {
    this.wipe();
  }

  toString(): string {
    return `[Secret ${this.kind}]`;
  }

  toJSON(): string {
    return this.toString();
  }

  [INSPECT](): string {
    return this.toString();
  }
}

/** Wipes each secret; undefined entries are skipped, so optional fields can be passed as they are. */
export const wipeAll = (secrets: Iterable<Secret | undefined>): void => {
  for (const secret of secrets) secret?.wipe();
};
