import { LineCounter, parseDocument } from 'yaml';
import { impossibleCombinations } from './combinations.ts';
import type { Environment } from './environment.ts';
import { overlayEnvironment } from './environment.ts';
import type { Files } from './files.ts';
import { fileProblems, unreadable } from './files.ts';
import type { Problem } from './problems.ts';
import { ConfigError, problemsFromZod } from './problems.ts';
import type { Config } from './schema.ts';
import { configSchema } from './schema.ts';
import type { Setting } from './settings.ts';
import { configNode, listSettings } from './settings.ts';
import type { Tree } from './tree.ts';
import { getAt, isTree, setAt } from './tree.ts';

export type ConfigSources = Files & {
  /** Arguments after the command; `--config FILE` (or `--config=FILE`) is read, the rest is not ours. */
  readonly argv: readonly string[];
  readonly env: Environment;
};

export type LoadedConfig = {
  readonly config: Config;
  /** Things that are probably mistakes but stop nothing. */
  readonly warnings: readonly string[];
  /** The file that was read, if any. */
  readonly file: string | undefined;
};

/** The file named by `--config` or `NYX_CONFIG`; undefined when neither is given. */
const configFile = ({ argv, env }: ConfigSources, problems: Problem[]): string | undefined => {
  const index = argv.findIndex((word) => word === '--config' || word.startsWith('--config='));
  const word = argv[index];
  if (word === undefined) return env.NYX_CONFIG === '' ? undefined : env.NYX_CONFIG;
  const file = word === '--config' ? argv[index + 1] : word.slice('--config='.length);
  if (file !== undefined && file !== '') return file;
  problems.push({ path: '--config', message: 'no file named', fix: 'write --config FILE' });
  return undefined;
};

const readTree = (file: string, readFile: ConfigSources['readFile'], problems: Problem[]): Tree => {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    problems.push({
      path: file,
      message: unreadable(error),
      fix: 'name a readable file, or run without --config and NYX_CONFIG for the defaults',
    });
    return {};
  }
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false, uniqueKeys: true });
  for (const error of document.errors) {
    const { line, col } = counter.linePos(error.pos[0]);
    problems.push({
      path: `${file}:${line}:${col}`,
      message: `not valid YAML: ${error.message}`,
      fix: 'correct the YAML at this place',
    });
  }
  if (document.errors.length > 0) return {};
  const value = document.toJS({ maxAliasCount: 100 }) as unknown;
  if (value === null || value === undefined) return {};
  if (isTree(value)) return value;
  problems.push({
    path: file,
    message: 'not a mapping of sections',
    fix: 'start with a section such as server:',
  });
  return {};
};

/** Removes empty sections and keys (`server:` with everything under it commented out means: not set). */
const withoutNulls = (value: unknown): unknown =>
  isTree(value)
    ? Object.fromEntries(
        Object.entries(value)
          .filter(([, child]) => child !== null)
          .map(([key, child]) => [key, withoutNulls(child)]),
      )
    : value;

/** Fills in the secrets that files hold. */
const readSecretFiles = (
  tree: Tree,
  settings: readonly Setting[],
  readFile: ConfigSources['readFile'],
  problems: Problem[],
): Tree => {
  let result = tree;
  for (const { path, fileFor } of settings) {
    const file = getAt(tree, path);
    if (fileFor === undefined || typeof file !== 'string' || getAt(tree, fileFor) !== undefined) continue;
    try {
      const secret = readFile(file).trim();
      if (secret === '') {
        problems.push({ path: path.join('.'), message: 'the file is empty', fix: 'put the secret into it' });
      } else result = setAt(result, fileFor, secret);
    } catch (error) {
      problems.push({
        path: path.join('.'),
        message: unreadable(error),
        fix: 'name a file that this user can read',
      });
    }
  }
  return result;
};

/** The variable that set the setting at `path`, or the list or section that it is part of. */
const variableOf = (path: string, setBy: ReadonlyMap<string, string>): string | undefined => {
  const keys = path.split('.');
  return keys
    .map((_, dropped) => setBy.get(keys.slice(0, keys.length - dropped).join('.')))
    .find((name) => name !== undefined);
};

/**
 * Reads the file and the environment, and parses both together.
 * @throws ConfigError with every mistake found, not only the first
 */
export const readConfig = (sources: ConfigSources): LoadedConfig => {
  const problems: Problem[] = [];
  const settings = listSettings();
  const file = configFile(sources, problems);
  const fromFile = file === undefined ? {} : readTree(file, sources.readFile, problems);
  const cleaned = withoutNulls(fromFile);
  const overlaid = overlayEnvironment(isTree(cleaned) ? cleaned : {}, sources.env, settings);
  problems.push(
    ...overlaid.problems,
    ...impossibleCombinations(overlaid.tree),
    ...fileProblems(overlaid.tree, sources),
  );
  const tree = readSecretFiles(overlaid.tree, settings, sources.readFile, problems);
  const parsed = configSchema.safeParse(tree);
  if (!parsed.success) problems.push(...problemsFromZod(parsed.error.issues, configNode()));
  if (parsed.success && problems.length === 0)
    return { config: parsed.data, warnings: overlaid.warnings, file };
  throw new ConfigError(
    problems.map((entry) => {
      const variable = variableOf(entry.path, overlaid.setBy);
      return variable === undefined ? entry : { ...entry, path: `${entry.path} (from ${variable})` };
    }),
  );
};

/** The configuration of this process. See `readConfig` for warnings and the file's name. */
export const loadConfig = (sources: ConfigSources): Config => readConfig(sources).config;
