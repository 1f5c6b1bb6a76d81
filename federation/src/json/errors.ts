/** Why text is not JSON that we take. */
export type JsonErrorCode =
  | 'not_utf8'
  | 'syntax'
  | 'too_deep'
  | 'too_large'
  | 'duplicate_key'
  | 'lone_surrogate'
  | 'float'
  | 'exponent'
  | 'negative_zero'
  | 'integer_range'
  | 'not_json_value';

const MESSAGES: Record<JsonErrorCode, string> = {
  not_utf8: 'not valid UTF-8',
  syntax: 'not valid JSON',
  too_deep: 'nested too deeply',
  too_large: 'too large',
  duplicate_key: 'an object has a key twice',
  lone_surrogate: 'a string has a lone surrogate',
  float: 'a number has a fraction',
  exponent: 'a number has an exponent',
  negative_zero: 'a number is negative zero',
  integer_range: 'an integer is beyond 2^53-1',
  not_json_value: 'a value that JSON cannot hold',
};

/** JSON that cannot be parsed, or cannot be encoded canonically. Carries no part of the text. */
export class JsonError extends Error {
  override readonly name = 'JsonError';
  readonly code: JsonErrorCode;

  constructor(code: JsonErrorCode) {
    super(MESSAGES[code]);
    this.code = code;
  }
}
