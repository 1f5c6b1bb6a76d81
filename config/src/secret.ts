const REDACTED = '[redacted]';

/**
 * A value that must never be printed. Every accidental way out (string conversion, JSON, inspection) redacts;
 * the value itself is only reached through `reveal()`, so that its uses can be found by name.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The value in clear. Pass it straight to what needs it; do not keep or log it. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return REDACTED;
  }
}
