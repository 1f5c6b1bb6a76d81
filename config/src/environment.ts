import { parse as parseYaml } from 'yaml';
import type { Problem } from './problems.ts';
import { closest } from './problems.ts';
import type { SchemaNode, Setting } from './settings.ts';
import type { Tree } from './tree.ts';
import { setAt } from './tree.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Names that begin like ours and are read elsewhere: by the launcher, the services' cache, tests and benches. */
const NOT_SETTINGS = /^NYX_(?:CONFIG|CACHE_DIR|NODE|TEST_.*|BENCH_.*|DEMO_.*)$/;

const WORDS: Readonly<Record<string, boolean>> = {
  true: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  no: false,
  off: false,
  '0': false,
};

const takes = (node: SchemaNode, type: string): boolean =>
  node.type === type || (node.anyOf ?? []).some((option) => takes(option, type));

/** Reads a variable's text as what its setting takes. What cannot be read stays text, for the schema to report. */
const readValue = (text: string, node: SchemaNode): unknown => {
  const word = WORDS[text.toLowerCase()];
  if (takes(node, 'boolean') && word !== undefined) return word;
  if ((takes(node, 'integer') || takes(node, 'number')) && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (takes(node, 'array') && !text.trimStart().startsWith('[')) {
    return text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== '');
  }
  if (takes(node, 'array') || takes(node, 'object')) {
    try {
      return parseYaml(text) as unknown;
    } catch {
      return text;
    }
  }
  return text;
};

/**
 * Lays the environment over what the file says. Empty variables count as not set, as container tools pass them.
 * @returns the new tree, warnings for names that look like ours and are not, and which variable set which path
 */
export const overlayEnvironment = (
  tree: Tree,
  env: Environment,
  settings: readonly Setting[],
): { tree: Tree; warnings: string[]; problems: Problem[]; setBy: ReadonlyMap<string, string> } => {
  const names = new Map(settings.flatMap((setting) => setting.env.map((name) => [name, setting] as const)));
  const setBy = new Map<string, string>();
  let result = tree;
  // The documented name is the last word when both forms are set.
  for (const setting of settings) {
    for (const name of setting.env.toReversed()) {
      const text = env[name];
      if (text === undefined || text === '') continue;
      result = setAt(result, setting.path, readValue(text, setting.node));
      setBy.set(setting.path.join('.'), name);
    }
  }
  const strangers = Object.keys(env).filter(
    (name) => name.startsWith('NYX_') && !names.has(name) && !NOT_SETTINGS.test(name),
  );
  const meant = (name: string) => closest(name, [...names.keys()]);
  const problems = strangers
    .filter((name) => name.includes('__'))
    .map((name) => ({
      path: name,
      message: 'no such setting',
      fix: meant(name) === undefined ? 'remove it; see docs/configuration.md' : `use ${String(meant(name))}`,
    }));
  const warnings = strangers
    .filter((name) => !name.includes('__'))
    .map((name) => {
      const hint = meant(name);
      return `${name} in the environment is not a setting and was ignored${hint === undefined ? '' : `; did you mean ${hint}?`}`;
    });
  return { tree: result, warnings, problems, setBy };
};
