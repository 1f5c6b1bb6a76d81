import type { z } from 'zod';
import { DomainError } from '../../domain/errors.ts';

type Where = 'params' | 'query' | 'body';

const describeIssue = (issue: z.core.$ZodIssue): string => {
  const path = issue.path.map(String).join('.');
  return path === '' ? issue.message : `${path}: ${issue.message}`;
};

/** Whether the issue is about a key that is not there at all. */
const isMissing = (issue: z.core.$ZodIssue, value: unknown): boolean => {
  if (issue.code !== 'invalid_type' && issue.code !== 'invalid_value' && issue.code !== 'invalid_union')
    return false;
  let current = value;
  for (const key of issue.path) {
    if (typeof current !== 'object' || current === null) return false;
    current = (current as Record<PropertyKey, unknown>)[key];
  }
  return current === undefined;
};

const errorFor = (error: z.ZodError, value: unknown, where: Where): DomainError => {
  const [issue] = error.issues;
  if (issue === undefined) return new DomainError('invalid_param', `Invalid ${where}`);
  const text = describeIssue(issue);
  if (isMissing(issue, value)) {
    return new DomainError(where === 'params' ? 'invalid_param' : 'missing_param', `Missing ${text}`);
  }
  return where === 'body'
    ? new DomainError('bad_json', `Invalid body: ${text}`)
    : new DomainError('invalid_param', `Invalid ${where}: ${text}`);
};

/** Parses one part of a request through its schema, or throws `missing_param`, `bad_json` or `invalid_param`. */
export const validate = (schema: z.ZodType | undefined, value: unknown, where: Where): unknown => {
  if (schema === undefined) return value;
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw errorFor(result.error, value, where);
};
