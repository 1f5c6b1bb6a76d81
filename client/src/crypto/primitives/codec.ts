import { fromUtf8, utf8 } from './bytes.ts';
import { CodecError } from './errors.ts';

/** Longest text written byte by byte. */
const SHORT_TEXT = 128;

/**
 * Builds the binary forms that are hashed, signed, sent or stored. Integers are big-endian; variable parts carry
 * their length in front, so that no two sequences of fields give the same bytes.
 */
export class Writer {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  #reserve(more: number): number {
    const at = this.#length;
    if (at + more > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(2 * this.#bytes.length, at + more));
      grown.set(this.#bytes);
      // What is being written may be secret: leave no copy behind.
      this.#bytes.fill(0);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.#length = at + more;
    return at;
  }

  u8(value: number): this {
    const at = this.#reserve(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** Milliseconds since the epoch and other integers below 2^53, in eight bytes. */
  u64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setBigUint64(at, BigInt(value));
    return this;
  }

  flag(value: boolean): this {
    return this.u8(value ? 1 : 0);
  }

  /** Bytes of a size that the reader knows. */
  fixed(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** `u32 length | bytes`. */
  bytes(bytes: Uint8Array): this {
    return this.u32(bytes.length).fixed(bytes);
  }

  /** `u32 length | UTF-8`. */
  text(text: string): this {
    return this.#shortAscii(text) ? this : this.bytes(utf8(text));
  }

  /** Ids and names are short and plain: written without the encoder, whose call costs more than the bytes. */
  #shortAscii(text: string): boolean {
    if (text.length > SHORT_TEXT) return false;
    const at = this.#reserve(4 + text.length);
    this.#view.setUint32(at, text.length);
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) {
        this.#length = at;
        return false;
      }
      this.#bytes[at + 4 + i] = code;
    }
    return true;
  }

  /** A presence flag, then what `write` adds when the value is there. */
  optional<T>(value: T | undefined, write: (writer: this, value: T) => void): this {
    this.flag(value !== undefined);
    if (value !== undefined) write(this, value);
    return this;
  }

  /** `u32 count`, then each item. */
  list<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.u32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  /** The bytes written so far, in an array of their own; the writer is emptied and its buffer zeroed. */
  finish(): Uint8Array {
    const out = this.#bytes.slice(0, this.#length);
    this.#bytes.fill(0);
    this.#length = 0;
    return out;
  }
}

/** Reads what `Writer` wrote, strictly: every length is bounded and every byte must be used. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Offset of the next byte. */
  get offset(): number {
    return this.#at;
  }

  get remaining(): number {
    return this.#bytes.length - this.#at;
  }

  #take(length: number): number {
    const at = this.#at;
    if (length > this.#bytes.length - at) throw new CodecError('TRUNCATED');
    this.#at = at + length;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }

  u64(): number {
    const value = this.#view.getBigUint64(this.#take(8));
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new CodecError('BAD_VALUE', 'integer past 2^53');
    return Number(value);
  }

  flag(): boolean {
    const value = this.u8();
    if (value > 1) throw new CodecError('BAD_VALUE', 'flag');
    return value === 1;
  }

  /** Exactly `length` bytes, copied: a key must not keep its whole record alive. */
  fixed(length: number): Uint8Array {
    const at = this.#take(length);
    return this.#bytes.slice(at, at + length);
  }

  /** Length-prefixed bytes of at most `max`, copied. */
  bytes(max: number): Uint8Array {
    const length = this.u32();
    if (length > max) throw new CodecError('FIELD_TOO_LONG', `${length} > ${max}`);
    return this.fixed(length);
  }

  /** Length-prefixed text of at most `max` bytes of UTF-8. */
  text(max: number): string {
    return fromUtf8(this.bytes(max));
  }

  optional<T>(read: (reader: this) => T): T | undefined {
    return this.flag() ? read(this) : undefined;
  }

  /** A counted list of at most `max` items. */
  list<T>(max: number, read: (reader: this) => T): T[] {
    const count = this.u32();
    if (count > max) throw new CodecError('FIELD_TOO_LONG', `${count} items > ${max}`);
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read(this));
    return items;
  }

  /** Everything up to the end, copied. */
  rest(): Uint8Array {
    return this.fixed(this.remaining);
  }

  /** Throws TRAILING_BYTES unless everything was read. */
  end(): void {
    if (this.remaining !== 0) throw new CodecError('TRAILING_BYTES', `${this.remaining}`);
  }
}
