/** Most bytes of UTF-8 in a user id, room id, room alias, event id, type or state key (spec: Appendices, Identifier Grammar). */
export const MAX_IDENTIFIER_BYTES = 255;

/**
 * Whether `value` takes at most `limit` bytes of UTF-8. Counts no bytes when the number of UTF-16 units decides,
 * so that a hostile megabyte is refused at once.
 */
export function fitsInBytes(value: string, limit: number): boolean {
  if (value.length > limit) return false;
  if (value.length * 3 <= limit) return true;
  return utf8Length(value) <= limit;
}

/** Bytes of `value` in UTF-8. A lone surrogate counts as three, like the replacement character it would become. */
export function utf8Length(value: string): number {
  let bytes = value.length;
  for (let index = 0; index < value.length; index++) {
    const unit = value.charCodeAt(index);
    if (unit < 0x80) continue;
    if (unit < 0x800) bytes += 1;
    else if (unit >= 0xd800 && unit <= 0xdbff && isLowSurrogate(value.charCodeAt(index + 1))) {
      bytes += 2;
      index += 1;
    } else bytes += 2;
  }
  return bytes;
}

function isLowSurrogate(unit: number): boolean {
  return unit >= 0xdc00 && unit <= 0xdfff;
}
