import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { findSpecData } from '../testing/spec-data.ts';
import { isErrcode, MatrixError } from './errors.ts';

describe('errors', () => {
  it('carry their errcode’s status unless told otherwise, and never let extras replace the code', () => {
    const error = new MatrixError('M_LIMIT_EXCEEDED', 'slow down', {
      extra: { retry_after_ms: 5, errcode: 'M_EVIL' },
    });
    expect(error.status).toBe(429);
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      errcode: 'M_LIMIT_EXCEEDED',
      error: 'slow down',
      retry_after_ms: 5,
    });
    expect(new MatrixError('M_FORBIDDEN', 'no', { status: 401 }).status).toBe(401);
    expect(isErrcode('M_FORBIDDEN')).toBe(true);
    expect(isErrcode('toString')).toBe(false);
  });
});

it('know every errcode that the specification’s API descriptions name', (context) => {
  const folder = findSpecData();
  if (folder === undefined) {
    console.warn('skipped: no specification data beside this repository');
    context.skip();
    return;
  }
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.yaml'),
  );
  const named = new Set(
    files.flatMap(
      (file) => readFileSync(`${folder}/${file}`, 'utf8').match(/\bM_[A-Z]+(?:_[A-Z]+)*\b/g) ?? [],
    ),
  );
  expect(named.size).toBeGreaterThan(40);
  expect([...named].filter((code) => !isErrcode(code))).toEqual([]);
});
