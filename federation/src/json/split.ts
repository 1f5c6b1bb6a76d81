import { endOfString } from './number-scan.ts';

/** The elements of an array as raw text, and the object's text with the array emptied. */
export type SplitArray = { readonly items: readonly string[]; readonly rest: string };

const QUOTE = 0x22;

/**
 * Cuts the array under a top-level key out of an object's JSON text, without parsing the elements, so that each can be
 * parsed alone. Undefined if the text has no such array; `too_many` beyond `most` elements. Linear; the text need not be
 * valid JSON, what comes out is parsed anyway. The first of several equal keys counts; the others stay in `rest`.
 */
export function splitArrayMember(
  text: string,
  key: string,
  most: number,
): SplitArray | 'too_many' | undefined {
  const start = findArray(text, JSON.stringify(key));
  if (start < 0) return undefined;
  const items: string[] = [];
  let depth = 0;
  let itemStart = start + 1;
  for (let index = start + 1; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) index = endOfString(text, index + 1);
    else if (isOpen(unit)) depth += 1;
    else if (isClose(unit) && depth > 0) depth -= 1;
    else if (isClose(unit)) {
      const last = text.slice(itemStart, index);
      if (last.trim() !== '' || items.length > 0) items.push(last);
      if (items.length > most) return 'too_many';
      return { items, rest: text.slice(0, start + 1) + text.slice(index) };
    } else if (unit === 0x2c && depth === 0) {
      items.push(text.slice(itemStart, index));
      if (items.length > most) return 'too_many';
      itemStart = index + 1;
    }
  }
  return undefined;
}

/** Index of the bracket that opens the array under a key of the outermost object, or -1. */
function findArray(text: string, quotedKey: string): number {
  let depth = 0;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) {
      const end = endOfString(text, index + 1);
      if (depth === 1 && text.slice(index, end + 1) === quotedKey) {
        const bracket = /^\s*:\s*\[/.exec(text.slice(end + 1, end + 64));
        if (bracket) return end + bracket[0].length;
      }
      index = end;
    } else if (isOpen(unit)) depth += 1;
    else if (isClose(unit)) depth -= 1;
  }
  return -1;
}

function isOpen(unit: number): boolean {
  return unit === 0x7b || unit === 0x5b;
}

function isClose(unit: number): boolean {
  return unit === 0x7d || unit === 0x5d;
}
