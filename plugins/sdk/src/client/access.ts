import type { Manifest } from '../manifest.ts';
import { RpcError } from '../rpc/messages.ts';
import { permits } from './points.ts';
import {
  CLIENT_CALLS,
  permissionOf,
  TRUSTED_CALLS,
  type ClientCall,
  type ClientCallParams,
} from './protocol.ts';

/** A call that may be done: its name, and parameters of the declared form. */
export type AllowedCall = {
  readonly [C in ClientCall]: { readonly call: C; readonly params: ClientCallParams[C] };
}[ClientCall];

const isCall = (name: string): name is ClientCall => Object.hasOwn(CLIENT_CALLS, name);

/** What decides whether a plugin may call something. */
export type Access = {
  readonly manifest: Manifest;
  /** Permissions that the person granted; those of the manifest alone do nothing. */
  readonly granted: ReadonlySet<string>;
  /** Name of one of the plugin's secrets. */
  readonly nameOf: (handle: string) => string | undefined;
};

const domainOf = (address: string): string | undefined => {
  try {
    const { protocol, hostname, port, username } = new URL(address);
    return protocol === 'https:' && port === '' && username === '' ? hostname : undefined;
  } catch {
    return undefined;
  }
};

/**
 * Lets a call pass or throws `RpcError` with code `unknown_method`, `invalid` or `forbidden`. Both hosts and the test
 * host ask it, so that a plugin that passes its tests meets the same walls at work.
 */
export const admit = (access: Access, method: string, params: unknown): AllowedCall => {
  if (!isCall(method)) throw new RpcError('unknown_method', `no method ${method.slice(0, 64)}`);
  const parsed = CLIENT_CALLS[method].safeParse(params);
  if (!parsed.success)
    throw new RpcError('invalid', `${method}: ${parsed.error.issues[0]?.message ?? 'malformed'}`);
  // The map ties each method to the schema that just parsed its parameters.
  const allowed = { call: method, params: parsed.data } as AllowedCall;
  const { manifest, granted } = access;
  if (manifest.tier !== 'trusted' && TRUSTED_CALLS.has(method))
    throw new RpcError('forbidden', `${method} is for trusted plugins`);
  if (allowed.call === 'network.request') {
    const domain = domainOf(allowed.params.url);
    if (domain === undefined || !manifest.network.includes(domain))
      throw new RpcError('forbidden', 'the manifest does not name this domain');
  }
  if (allowed.call === 'devices.list') {
    if (![...granted].some((permission) => permission.startsWith('devices:message:')))
      throw new RpcError('forbidden', 'the permission devices:message is missing');
    return allowed;
  }
  const wanted = permissionOf(allowed.call, allowed.params, access.nameOf);
  if (wanted !== undefined && !permits(granted, wanted))
    throw new RpcError('forbidden', `the permission ${wanted} is missing`);
  return allowed;
};
