import { existsSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The machine-readable specification (OpenAPI and event schemas) that may lie beside a checkout, in
 * `../shared/matrix-spec/data`, or undefined. Tests that need it are skipped, with the reason printed, without it.
 */
export function findSpecData(): string | undefined {
  const data = join(import.meta.dirname, '../../../../shared/matrix-spec/data');
  return existsSync(data) ? data : undefined;
}
