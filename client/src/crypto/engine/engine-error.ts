import type { EngineErrorCode } from './protocol/errors.ts';

/** An operation that could not be done, with the code the page gets. */
export class EngineError extends Error {
  readonly code: EngineErrorCode;

  constructor(code: EngineErrorCode, detail?: string) {
    super(detail === undefined ? code : `${code}: ${detail}`);
    this.name = 'EngineError';
    this.code = code;
  }
}
