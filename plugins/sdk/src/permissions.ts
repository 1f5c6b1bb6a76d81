import { POINT_PERMISSIONS } from './client/points.ts';
import type { Manifest } from './manifest.ts';
import { HOOK_PERMISSIONS, type HookName } from './server/hooks.ts';

/** The hooks that a manifest contributes to. */
export const hooksOf = ({ contributes: { server } }: Pick<Manifest, 'contributes'>): readonly HookName[] => [
  ...(Object.keys(server.checks) as HookName[]),
  ...server.modifies,
  ...server.notices,
];

/** The permissions that what a manifest contributes needs, each once, in order. */
export const neededPermissions = (manifest: Pick<Manifest, 'contributes'>): readonly string[] => {
  const { client, server } = manifest.contributes;
  const needed = new Set(hooksOf(manifest).map((hook) => HOOK_PERMISSIONS[hook]));
  if (server.routes.length > 0) needed.add('server:http');
  if (server.schedules.length > 0) needed.add('server:schedule');
  for (const { point, scope = '*' } of client)
    for (const permission of POINT_PERMISSIONS[point]) needed.add(permission.replace('*', () => scope));
  return [...needed].sort();
};

/** How the permissions that a manifest names differ from those it needs. */
export const comparePermissions = (
  manifest: Pick<Manifest, 'contributes' | 'permissions'>,
): { readonly missing: readonly string[]; readonly unused: readonly string[] } => {
  const needed = new Set(neededPermissions(manifest));
  const named = new Set(manifest.permissions);
  return {
    missing: [...needed].filter((permission) => !named.has(permission)),
    unused: [...named].filter((permission) => !needed.has(permission)).sort(),
  };
};
