import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Contract, ObservedResponse, Verdict } from './contract.ts';

/** One line of the append-only coverage log. */
export type CoverageRecord = {
  /** Key of the endpoint table: `client/sendMessage`. */
  readonly operation: string;
  readonly status: number;
  /** Whether the answer fits the specification. */
  readonly valid: boolean;
  readonly errcode?: string;
  /** What was wrong, for invalid ones. */
  readonly problems?: readonly string[];
};

/** Folder of the logs below the repository's root; one file per process, so that parallel tests never share one. */
export const COVERAGE_FOLDER = '.cache/spec-coverage';

/**
 * Checks answers and notes each (operation, status, errcode, verdict) once per process as a JSON line in
 * `<root>/.cache/spec-coverage/<process id>.jsonl`. `npm run spec-coverage` reads them all.
 *
 * @param root the repository's root
 * @returns a function that checks one answer; the caller fails its test when `valid` is false
 */
export function recordCoverage(contract: Contract, root: string): (response: ObservedResponse) => Verdict {
  const folder = join(root, COVERAGE_FOLDER);
  const file = join(folder, `${process.pid}.jsonl`);
  const seen = new Set<string>();
  mkdirSync(folder, { recursive: true });
  return (response) => {
    const verdict = contract.check(response);
    if (verdict.endpoint === undefined) return verdict;
    const record: CoverageRecord = {
      operation: verdict.endpoint.id,
      status: response.status,
      valid: verdict.valid,
      ...errcodeOf(response.body),
      ...(verdict.valid ? {} : { problems: verdict.problems.slice(0, 5) }),
    };
    const line = JSON.stringify(record);
    if (!seen.has(line)) {
      seen.add(line);
      appendFileSync(file, `${line}\n`);
    }
    return verdict;
  };
}

function errcodeOf(body: unknown): { errcode?: string } {
  if (typeof body !== 'object' || body === null || !('errcode' in body)) return {};
  return typeof body.errcode === 'string' ? { errcode: body.errcode } : {};
}
