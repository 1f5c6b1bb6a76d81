/** The arrows of the house (ARCHITECTURE.md, section 1): npm's hoisting does not enforce them, this does. */
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import, of ours, only: ${allowed || 'nothing'}`,
  from: { path: `^${from}`, pathNot: '(\\.test\\.ts$|/tests/|/bench/|/scripts/)' },
  to: {
    path: '^(config|federation|homeserver|plugins|client)/',
    pathNot: `^(${[from, allowed].filter(Boolean).join('|')})`,
  },
});

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    only('config-stands-alone', 'config/', ''),
    only('federation-stands-alone', 'federation/', ''),
    only('sdk-only-spec', 'plugins/sdk/', 'federation/src/spec/'),
    only('client-only-spec-and-sdk', 'client/', 'federation/src/spec/|plugins/'),
    only('homeserver-arrows', 'homeserver/', 'config/|federation/|plugins/sdk/'),
    {
      name: 'plugins-only-sdk',
      severity: 'error',
      from: { path: '^plugins/(?!sdk/)', pathNot: '(\\.test\\.ts$|/tests/)' },
      to: { path: '^(config|federation|homeserver|client)/' },
    },
    {
      name: 'spec-is-browser-safe',
      severity: 'error',
      from: { path: '^federation/src/spec/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^(federation/src/spec/|node_modules/zod)' },
    },
    {
      name: 'json-is-browser-safe',
      severity: 'error',
      comment: 'what reads and writes JSON and knows the room versions runs anywhere',
      from: { path: '^federation/src/(json|room-versions)/', pathNot: '\\.test\\.ts$' },
      to: { pathNot: '^(federation/src/(spec|json|room-versions)/|node_modules/zod)' },
    },
    {
      name: 'federation-pure-parts',
      severity: 'error',
      comment: 'Node is reached through few files: hashes, keys, and what speaks over the network',
      from: {
        path: '^federation/src/',
        pathNot:
          '^federation/src/(http|testing)/|^federation/src/(events/hash|signing/keys)\\.ts$|\\.test\\.ts$',
      },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'federation-protocol-without-network',
      severity: 'error',
      comment: 'rules and checks know no network',
      from: {
        path: '^federation/src/(spec|json|room-versions|events|auth|state|checks)/',
        pathNot: '\\.test\\.ts$',
      },
      to: { path: '^federation/src/(http|testing)/|node_modules/undici' },
    },
    {
      name: 'federation-no-frameworks',
      severity: 'error',
      from: { path: '^federation/src/' },
      to: { path: 'node_modules/(koa|@koa|mongoose|mongodb|ioredis|bullmq)/' },
    },
    {
      name: 'domain-is-pure',
      severity: 'error',
      from: { path: '^homeserver/src/(domain|ports)/', pathNot: '\\.test\\.ts$' },
      to: {
        path: 'node_modules/(koa|@koa|mongoose|mongodb|ioredis|bullmq|ws)/|^homeserver/src/(http|storage|redis|jobs|socket|blob)/',
      },
    },
    {
      name: 'mongoose-only-in-storage',
      severity: 'error',
      from: {
        path: '^homeserver/src/',
        pathNot: '^homeserver/src/(storage|testing|services)/|\\.test\\.ts$',
      },
      to: { path: 'node_modules/(mongoose|mongodb)/' },
    },
    {
      name: 'http-not-storage',
      severity: 'error',
      from: { path: '^homeserver/src/(http|socket)/', pathNot: '\\.test\\.ts$' },
      to: { path: '^homeserver/src/(storage|redis)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(/dist/|\\.cache/|/data/)' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
      extensions: ['.ts', '.js', '.vue'],
    },
  },
};
