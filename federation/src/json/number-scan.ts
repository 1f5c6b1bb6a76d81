import { MAX_JSON_DEPTH, MAX_NUMBER_TEXT } from '../spec/limits.ts';
import { JsonError, type JsonErrorCode } from './errors.ts';

/** What one pass over the raw text of a JSON value shows that the parsed value no longer does. */
export type JsonScan = {
  /** The first number that canonical JSON forbids, or undefined. */
  readonly strangeNumber: JsonErrorCode | undefined;
  /** How many of them there are. */
  readonly strangeNumbers: number;
  /** Keys in all objects together; more than the parsed value has means that an object had a key twice. */
  readonly members: number;
  /** Whether a string has an escape that may form a surrogate. */
  readonly surrogateEscape: boolean;
};

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const MINUS = 0x2d;
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/**
 * Scans JSON text outside of its strings: nesting, members and numbers. It does not validate the syntax, `JSON.parse`
 * does. Throws {@link JsonError} `too_deep`, and `too_large` for a number without end. Linear, and allocates only for a number of sixteen digits or more.
 */
export function scanJson(text: string): JsonScan {
  let depth = 0;
  let members = 0;
  let strangeNumber: JsonErrorCode | undefined;
  let strangeNumbers = 0;
  const end = text.length;
  for (let index = 0; index < end; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) {
      const close = text.indexOf('"', index + 1);
      if (close < 0) break;
      if (text.charCodeAt(close - 1) !== BACKSLASH) {
        index = close;
      } else {
        index = endOfString(text, index + 1);
      }
    } else if (unit === COLON) {
      members += 1;
    } else if (unit === 0x7b || unit === 0x5b) {
      depth += 1;
      if (depth > MAX_JSON_DEPTH) throw new JsonError('too_deep');
    } else if (unit === 0x7d || unit === 0x5d) {
      depth -= 1;
    } else if (unit === MINUS || (unit >= 0x30 && unit <= 0x39)) {
      const stop = endOfNumber(text, index);
      if (stop - index > MAX_NUMBER_TEXT) throw new JsonError('too_large');
      const strange = forbiddenNumber(text, index, stop);
      if (strange !== undefined) {
        strangeNumber ??= strange;
        strangeNumbers += 1;
      }
      index = stop - 1;
    }
  }
  return { strangeNumber, strangeNumbers, members, surrogateEscape: mayHoldSurrogateEscape(text) };
}

/**
 * Calls `found` with start and end of every number that canonical JSON forbids, in order. Linear; like {@link scanJson}
 * it takes the text's syntax on trust.
 */
export function eachForbiddenNumber(text: string, found: (start: number, stop: number) => void): void {
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit === QUOTE) index = endOfString(text, index + 1);
    else if (unit === MINUS || (unit >= 0x30 && unit <= 0x39)) {
      const stop = endOfNumber(text, index);
      if (forbiddenNumber(text, index, stop) !== undefined) found(index, stop);
      index = stop - 1;
    }
  }
}

/** Why canonical JSON forbids the number literal `text` (spec: Appendices, Canonical JSON), or undefined. */
export function forbiddenNumberLiteral(text: string): JsonErrorCode | undefined {
  return forbiddenNumber(text, 0, text.length);
}

function mayHoldSurrogateEscape(text: string): boolean {
  return text.includes('\\u') && SURROGATE_ESCAPE.test(text);
}

/** Index of the quote that ends the string whose first unit is at `start`; the end of the text if there is none. */
export function endOfString(text: string, start: number): number {
  let close = text.indexOf('"', start);
  while (close >= 0) {
    let slash = close - 1;
    while (slash >= start && text.charCodeAt(slash) === BACKSLASH) slash -= 1;
    if ((close - slash) % 2 === 1) return close;
    close = text.indexOf('"', close + 1);
  }
  return text.length;
}

/** Index behind a number; of one that is too long, some place in it. */
function endOfNumber(text: string, start: number): number {
  const last = Math.min(text.length, start + MAX_NUMBER_TEXT + 1);
  let index = start + 1;
  while (index < last && isNumberUnit(text.charCodeAt(index))) index += 1;
  return index;
}

/** Digits, "+", "-", ".", "E" and "e". */
function isNumberUnit(unit: number): boolean {
  return (
    (unit >= 0x30 && unit <= 0x39) ||
    unit === 0x2e ||
    unit === 0x65 ||
    unit === 0x45 ||
    unit === 0x2b ||
    unit === MINUS
  );
}

function forbiddenNumber(text: string, start: number, stop: number): JsonErrorCode | undefined {
  let fraction = false;
  for (let index = start; index < stop; index++) {
    const unit = text.charCodeAt(index);
    if (unit === 0x65 || unit === 0x45) return 'exponent';
    if (unit === 0x2e) fraction = true;
  }
  if (fraction) return 'float';
  if (text.charCodeAt(start) === MINUS && stop === start + 2 && text.charCodeAt(start + 1) === 0x30) {
    return 'negative_zero';
  }
  if (stop - start < 16) return undefined;
  return Number.isSafeInteger(Number(text.slice(start, stop))) ? undefined : 'integer_range';
}
