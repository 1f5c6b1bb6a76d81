/** A configuration before it is parsed: what the file and the environment say. */
export type Tree = Record<string, unknown>;

/** Whether a value is a mapping of keys to values. */
export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The value at `path`, or undefined when any part of the way is missing. */
export const getAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (value, key) => (isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined),
    tree,
  );

/**
 * A copy of `tree` with `value` at `path`. A part of the way that is missing or null is made; one that is something
 * else is left as it is, so that the schema reports it.
 */
export const setAt = (tree: Tree, path: readonly string[], value: unknown): Tree => {
  const [key, ...rest] = path;
  if (key === undefined) return tree;
  if (rest.length === 0) return { ...tree, [key]: value };
  const child = tree[key] ?? {};
  return isTree(child) ? { ...tree, [key]: setAt(child, rest, value) } : tree;
};
