import { stringify } from 'yaml';
import type { SchemaNode, Setting } from './settings.ts';
import { configNode, listSettings, typeName } from './settings.ts';

/** Both generated texts say where they come from; a test fails when they no longer match the schema. */
const GENERATED = 'Generated from config/src/sections by "npm run generate:config". Do not edit.';

const WIDTH = 100;

const wrap = (text: string, width: number): string[] => {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
};

const inline = (value: unknown): string =>
  stringify(value, { collectionStyle: 'flow', lineWidth: 0, defaultStringType: 'PLAIN' }).trim();

/** The value shown in the example: the default, else what the schema gives as an example. */
const shown = (node: SchemaNode): unknown => node.default ?? node.example ?? '';

const settingLines = (key: string, node: SchemaNode, depth: number): string[] => {
  const indent = '  '.repeat(depth);
  const prefix = `${indent}# `;
  const comment = wrap(node.description ?? '', WIDTH - prefix.length).map((line) => `${prefix}${line}`);
  return [...comment, `${indent}#${key}: ${inline(shown(node))}`.trimEnd()];
};

const isSection = (node: SchemaNode): boolean => node.type === 'object' && node.properties !== undefined;
const isRateLimit = (node: SchemaNode): boolean => node.kind === 'rate limit';

const rateLimitLine = (key: string, node: SchemaNode, depth: number): string[] => {
  const indent = '  '.repeat(depth);
  const values = Object.entries(node.properties ?? {}).map(
    ([name, child]) => `${name}: ${inline(child.default)}`,
  );
  return [`${indent}# ${node.description ?? ''}`, `${indent}#${key}: { ${values.join(', ')} }`];
};

const sectionLines = (key: string, node: SchemaNode, depth: number): string[] => {
  const indent = '  '.repeat(depth);
  const prefix = `${indent}# `;
  const title = wrap(node.description ?? '', WIDTH - prefix.length).map((line) => `${prefix}${line}`);
  const children = Object.entries(node.properties ?? {}).flatMap(([name, child]) => {
    if (isRateLimit(child)) return rateLimitLine(name, child, depth + 1);
    return isSection(child) ? sectionLines(name, child, depth + 1) : settingLines(name, child, depth + 1);
  });
  return [...(depth === 0 ? [''] : []), ...title, `${indent}${depth === 0 ? '' : '#'}${key}:`, ...children];
};

/**
 * A configuration file with every setting, its explanation and its default, all commented out: it means what no file
 * means, until something in it is changed.
 * @param serverName filled in when given
 */
export const exampleYaml = (serverName?: string): string => {
  const sections = Object.entries(configNode().properties ?? {});
  const body = sections.flatMap(([key, node]) => sectionLines(key, node, 0));
  const yaml = [
    '# Configuration of a Nyx homeserver. Every setting is optional and shown with its default, or with an example',
    '# where there is none. Durations: 500ms, 30s, 10m, 12h, 7d. Sizes: 64KiB, 50MiB, 1GB.',
    '# Each setting can also come from the environment, which overrides this file: docs/configuration.md has the names.',
    `# ${GENERATED}`,
    ...body,
    '',
  ].join('\n');
  return serverName === undefined ? yaml : yaml.replace(/^ {2}#name: .*$/m, `  name: ${inline(serverName)}`);
};

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

const settingRow = ({ path, node, env }: Setting): string => {
  const standard = node.default === undefined ? '' : `\`${inline(node.default)}\``;
  const name = `\`${path.slice(1).join('.')}\``;
  return `| ${name} | ${cell(typeName(node))} | ${cell(standard)} | \`${env[0] ?? ''}\` | ${cell(node.description ?? '')} |`;
};

const rateLimitRow = (name: string, node: SchemaNode): string => {
  const { perSecond, burst } = node.properties ?? {};
  const generic = `NYX_RATE_LIMITS__${name.replace(/([a-z])([A-Z])/g, '$1_$2').toUpperCase()}__…`;
  return `| \`${name}\` | rate limit | \`${String(perSecond?.default)}\` per second, burst \`${String(burst?.default)}\` | \`${generic}\` | ${cell(node.description ?? '')} |`;
};

const sectionReference = (section: string, node: SchemaNode, settings: readonly Setting[]): string[] => {
  const plain = settings.filter(
    ({ path }) => path[0] === section && (section !== 'rateLimits' || path.length === 2),
  );
  const limits = Object.entries(node.properties ?? {}).filter(([, child]) => isRateLimit(child));
  return [
    `## ${section}`,
    '',
    node.description ?? '',
    '',
    '| setting | type | default | environment | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...plain.map(settingRow),
    ...limits.map(([name, child]) => rateLimitRow(name, child)),
    '',
  ];
};

const INTRODUCTION = `# Configuration

<!-- ${GENERATED} -->

Nyx starts without any configuration. What you change goes into a YAML file, named with \`--config FILE\` or \`NYX_CONFIG\`,
or into environment variables, which override the file. \`config/homeserver.example.yaml\` shows every setting;
\`npm run nyx -- generate-config --server-name example.org -o homeserver.yaml\` writes one to start from.

- Unknown keys, wrong types and settings that contradict each other are errors. All of them are reported at once, each with
  its fix, the exit code is 78, and nothing has been started. \`npm run nyx -- doctor\` checks without starting.
- Durations are written \`500ms\`, \`30s\`, \`10m\`, \`12h\`, \`7d\`; sizes \`64KiB\`, \`50MiB\`, \`1GB\`.
- Every setting has an environment name. Where the table shows a short one, the general form works too:
  \`NYX_SECTION__KEY\`, for instance \`NYX_MEDIA__MAX_UPLOAD\`. Lists are separated by commas. An empty variable counts as not set.
- A secret can be kept in a file: set the setting of the same name with \`File\` (\`sharedSecretFile\`), or its variable with
  \`_FILE\`. Secrets are never printed. Those that are not set and are needed are generated on the first start, in
  \`secrets/\` below the data folder.
`;

/** docs/configuration.md. */
export const referenceMarkdown = (): string => {
  const settings = listSettings();
  const sections = Object.entries(configNode().properties ?? {});
  const body = sections.flatMap(([name, node]) => sectionReference(name, node, settings));
  return [INTRODUCTION, ...body].join('\n');
};
