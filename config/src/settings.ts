import { z } from 'zod';
import { configSchema } from './schema.ts';

/** The part of a JSON schema that this package reads. */
export type SchemaNode = {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
  readonly enum?: readonly unknown[];
  readonly const?: string | number | boolean;
  readonly kind?: string;
  readonly env?: string;
  readonly example?: unknown;
};

/** One thing that can be set: a leaf of the schema. */
export type Setting = {
  /** Section and keys, for instance `['server', 'tls', 'port']`. */
  readonly path: readonly string[];
  readonly node: SchemaNode;
  /** Environment variables that override the file, the documented one first. */
  readonly env: readonly string[];
  /** The setting whose value a file holds, when this one names that file. */
  readonly fileFor?: readonly string[];
};

/** Environment name of a setting that has no fixed one: `NYX_MEDIA__MAX_UPLOAD` for `media.maxUpload`. */
const genericEnv = (path: readonly string[]): string =>
  `NYX_${path.map((key) => key.replace(/([a-z0-9])([A-Z])/g, '$1_$2').toUpperCase()).join('__')}`;

const isBranch = (node: SchemaNode): boolean => node.type === 'object' && node.properties !== undefined;

/** The schema of the whole configuration as JSON schema, with what may be written (not what comes out). */
export const configNode = (): SchemaNode =>
  z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any' }) as unknown as SchemaNode;

const walk = (node: SchemaNode, path: readonly string[]): Setting[] => {
  const properties = node.properties ?? {};
  return Object.entries(properties).flatMap(([key, child]): Setting[] => {
    const childPath = [...path, key];
    if (isBranch(child)) return walk(child, childPath);
    const target = key.endsWith('File') ? key.slice(0, -'File'.length) : undefined;
    const generic = genericEnv(childPath);
    return [
      {
        path: childPath,
        node: child,
        env: child.env === undefined ? [generic] : [child.env, generic],
        ...(target !== undefined && properties[target]?.kind === 'secret'
          ? { fileFor: [...path, target] }
          : {}),
      },
    ];
  });
};

/** Every setting, in the order of the schema. */
export const listSettings = (): Setting[] => walk(configNode(), []);

/** The schema's node at `path`, through sections, lists and free-form records; undefined when there is none. */
export const nodeAt = (root: SchemaNode, path: readonly PropertyKey[]): SchemaNode | undefined =>
  path.reduce<SchemaNode | undefined>(
    (node, key) => (typeof key === 'number' ? node?.items : node?.properties?.[String(key)]),
    root,
  );

/** What a reader is told that `node` takes. */
export const typeName = (node: SchemaNode): string => {
  if (node.type === 'array') return `list of ${node.items === undefined ? 'values' : typeName(node.items)}`;
  if (node.kind !== undefined) return node.kind;
  if (node.enum !== undefined) return node.enum.map((value) => `\`${String(value)}\``).join(', ');
  if (node.const !== undefined) return `\`${String(node.const)}\``;
  if (node.anyOf !== undefined) return node.anyOf.map(typeName).join(' or ');
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'integer') return 'whole number';
  return node.type ?? 'any value';
};
