import { openContract } from '@nyx/federation/testing/contract.ts';
import { recordCoverage } from '@nyx/federation/testing/coverage-recorder.ts';
import { findSpecData } from '@nyx/federation/testing/spec-data.ts';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../../..');

/** An answer as a test saw it. */
export type SeenResponse = {
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly contentType: string | undefined;
  readonly body: unknown;
};

type Check = (response: SeenResponse) => void;

const open = (): Check => {
  const data = findSpecData();
  if (data === undefined) {
    console.warn(
      '[contract] ../shared/matrix-spec is not here: answers are not checked against the specification',
    );
    return () => undefined;
  }
  const record = recordCoverage(openContract(data), ROOT);
  return (response) => {
    const [path = ''] = response.path.split('?');
    const { contentType, ...rest } = response;
    const verdict = record({ ...rest, path, ...(contentType === undefined ? {} : { contentType }) });
    if (verdict.endpoint !== undefined && !verdict.valid) {
      throw new Error(
        `${response.method} ${response.path} answered ${response.status}, which the specification does not allow: ${verdict.problems.join('; ')}`,
      );
    }
  };
};

let check: Check | undefined;

/** Throws when the specification does not allow this answer; notes the operation for docs/spec-coverage.md. */
export const checkContract: Check = (response) => {
  check ??= open();
  check(response);
};
