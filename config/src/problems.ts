import type { z } from 'zod';
import type { SchemaNode } from './settings.ts';
import { nodeAt, typeName } from './settings.ts';

/** One mistake of an operator: where, what, and what to do. */
export type Problem = {
  /** Dotted path of the setting, or the name of an environment variable, file or option. */
  readonly path: string;
  readonly message: string;
  readonly fix: string;
};

/** The exit code of a process whose configuration is wrong (EX_CONFIG of sysexits.h). */
export const EXIT_CONFIG = 78;

/** Every mistake of a configuration at once. Nothing has been started when it is thrown. */
export class ConfigError extends Error {
  readonly code = 'CONFIG_INVALID';
  readonly exitCode = EXIT_CONFIG;
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    const count = problems.length === 1 ? '1 mistake' : `${problems.length} mistakes`;
    const lines = problems.map(({ path, message, fix }) => `  ${path}: ${message}\n      fix: ${fix}`);
    super([`The configuration has ${count}:`, ...lines].join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** Number of single-character edits between two words. */
export const editDistance = (left: string, right: string): number => {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (const [row, leftChar] of Array.from(left).entries()) {
    const current = [row + 1];
    for (const [column, rightChar] of Array.from(right).entries()) {
      const replace = (previous[column] ?? 0) + (leftChar === rightChar ? 0 : 1);
      current.push(Math.min(replace, (previous[column + 1] ?? 0) + 1, (current[column] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[right.length] ?? 0;
};

/** The candidate that was probably meant by `word`, ignoring case and underscores. */
export const closest = (word: string, candidates: readonly string[]): string | undefined => {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[_-]/g, '');
  const ranked = candidates
    .map((candidate) => ({ candidate, distance: editDistance(plain(word), plain(candidate)) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, Math.floor(word.length / 3))
    ? best.candidate
    : undefined;
};

const unknownKeys = (path: string, keys: readonly string[], known: readonly string[]): Problem[] =>
  keys.map((key) => {
    const meant = closest(key, known);
    return {
      path: path === '' ? key : `${path}.${key}`,
      message: 'unknown key',
      fix:
        meant === undefined ? `remove it; known here: ${known.join(', ')}` : `write ${meant}, or remove it`,
    };
  });

const fixFor = (node: SchemaNode | undefined): string => {
  if (node === undefined) return 'see docs/configuration.md';
  const standard =
    node.default === undefined ? '' : `; without it the default is ${JSON.stringify(node.default)}`;
  const example = node.example === undefined ? '' : `, for instance ${JSON.stringify(node.example)}`;
  return `write ${typeName(node).replaceAll('`', '')}${example}${standard}`;
};

/** Zod's wording without what the reader cannot use. */
const plainMessage = (message: string): string => {
  if (message.endsWith('received undefined')) return 'missing';
  return message.replace(/^Invalid (?:input|option): /, '').replaceAll('"|"', '", "');
};

/** Turns zod's issues into problems with a fix taken from the schema. Values are never repeated: they may be secret. */
export const problemsFromZod = (issues: readonly z.core.$ZodIssue[], root: SchemaNode): Problem[] =>
  issues.flatMap((issue): Problem[] => {
    const path = issue.path.map(String).join('.');
    const node = nodeAt(root, issue.path);
    if (issue.code === 'unrecognized_keys') {
      const holder = node ?? root;
      return unknownKeys(path, issue.keys, Object.keys(holder.properties ?? {}));
    }
    return [{ path: path === '' ? '(file)' : path, message: plainMessage(issue.message), fix: fixFor(node) }];
  });
