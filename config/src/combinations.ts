import { isLoopback } from './derived.ts';
import type { Problem } from './problems.ts';
import type { Tree } from './tree.ts';
import { getAt } from './tree.ts';

type Lookup = (path: string) => unknown;
type Rule = (get: Lookup) => Problem[];

const problem = (path: string, message: string, fix: string): Problem[] => [{ path, message, fix }];

const tlsIsWhole: Rule = (get) => {
  const parts = ['server.tls.port', 'server.tls.cert', 'server.tls.key'];
  const missing = parts.filter((part) => get(part) === undefined);
  if (missing.length === 0 || missing.length === parts.length) return [];
  return missing.flatMap((part) =>
    problem(
      part,
      'missing, while other parts of the TLS listener are set',
      `set ${part} too, or none of server.tls`,
    ),
  );
};

const portsDiffer: Rule = (get) =>
  get('server.tls.port') !== undefined &&
  get('server.tls.port') !== 0 &&
  get('server.tls.port') === (get('server.port') ?? 8008)
    ? problem('server.tls.port', 'the same port as server.port', 'give the two listeners different ports')
    : [];

const listenersDiffer: Rule = (get) => {
  const bind = get('server.bind');
  return Array.isArray(bind) && new Set(bind).size < bind.length
    ? problem('server.bind', 'the same address twice', 'name each address once')
    : [];
};

const splitRolesShareServices: Rule = (get) => {
  const roles = get('server.roles');
  const all = !Array.isArray(roles) || new Set(roles).size >= 4;
  if (all) return [];
  return ['database.uri', 'redis.uri']
    .filter((path) => get(path) === undefined && get(`${path}File`) === undefined)
    .flatMap((path) =>
      problem(
        path,
        'missing, while this process takes only some of the roles and must share its services with others',
        `set ${path}, or leave server.roles out`,
      ),
    );
};

const onlyOneWay =
  (path: string): Rule =>
  (get) =>
    get(path) !== undefined && get(`${path}File`) !== undefined
      ? problem(path, `set twice: here and through ${path}File`, `remove ${path} or ${path}File`)
      : [];

const turnHasCredentials: Rule = (get) => {
  const has = (name: string) => get(`turn.${name}`) !== undefined || get(`turn.${name}File`) !== undefined;
  const uris = get('turn.uris');
  const relays = Array.isArray(uris) && uris.some((uri) => typeof uri === 'string' && uri.startsWith('turn'));
  const fixed = has('username') || has('password');
  if (has('sharedSecret') && fixed) {
    return problem(
      'turn.sharedSecret',
      'set together with turn.username or turn.password',
      'keep the shared secret (better: its credentials expire) or the fixed user, not both',
    );
  }
  if (relays && !has('sharedSecret') && !(has('username') && has('password'))) {
    return problem(
      'turn.uris',
      'TURN servers without credentials',
      'set turn.sharedSecret, or turn.username and turn.password',
    );
  }
  if (!relays && (has('sharedSecret') || fixed)) {
    return problem(
      'turn.uris',
      'credentials without a TURN server',
      'set turn.uris, or remove the credentials',
    );
  }
  return [];
};

const federationSettingsNeedFederation: Rule = (get) =>
  get('federation.enabled') === false && get('federation.allowServers') !== undefined
    ? problem(
        'federation.allowServers',
        'set while federation.enabled is false',
        'remove it, or set federation.enabled to true',
      )
    : [];

const publicServerHasName: Rule = (get) => {
  const bind = get('server.bind');
  const reachable =
    Array.isArray(bind) && bind.some((address) => typeof address === 'string' && !isLoopback(address));
  const name = get('server.name');
  return reachable && name === undefined
    ? problem(
        'server.name',
        'missing, while the server listens on more than loopback: the default localhost can never be changed later',
        'set server.name (or NYX_SERVER_NAME) to the domain of your users, for instance example.org',
      )
    : [];
};

const RULES: readonly Rule[] = [
  publicServerHasName,
  tlsIsWhole,
  portsDiffer,
  listenersDiffer,
  splitRolesShareServices,
  onlyOneWay('database.uri'),
  onlyOneWay('redis.uri'),
  onlyOneWay('registration.sharedSecret'),
  onlyOneWay('server.admin.token'),
  onlyOneWay('turn.sharedSecret'),
  onlyOneWay('turn.password'),
  turnHasCredentials,
  federationSettingsNeedFederation,
];

/**
 * Settings that are each valid and cannot be true together. Looks at what was written, so that it reports also while
 * other settings are wrong.
 */
export const impossibleCombinations = (tree: Tree): Problem[] => {
  const get: Lookup = (path) => getAt(tree, path.split('.')) ?? undefined;
  return RULES.flatMap((rule) => rule(get));
};
