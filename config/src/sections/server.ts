import { z } from 'zod';
import {
  addressBlock,
  bindAddress,
  timeout,
  httpUrl,
  path,
  port,
  secret,
  secretFile,
  serverName,
  size,
} from '../fields.ts';
import { DEFAULT_PORT } from '../ports.ts';

/** What one process does. Every process may do all of it; see docs/operating.md for running several. */
export const roleSchema = z.enum(['http', 'sync', 'federation-out', 'worker']);

const contactSchema = z.strictObject({
  role: z.enum(['m.role.admin', 'm.role.security', 'm.role.moderator']).default('m.role.admin'),
  matrixId: z.string().startsWith('@').optional(),
  email: z.email().optional(),
});

const tlsSchema = z
  .strictObject({
    port: port()
      .optional()
      .describe('Port on which both APIs are served over TLS as well; 8448 is what other servers try first.')
      .meta({ env: 'NYX_TLS_PORT', example: 8448 }),
    cert: path()
      .optional()
      .describe('Certificate chain, PEM.')
      .meta({ env: 'NYX_TLS_CERT', example: '/etc/nyx/tls/fullchain.pem' }),
    key: path()
      .optional()
      .describe('Private key of the certificate, PEM.')
      .meta({ env: 'NYX_TLS_KEY', example: '/etc/nyx/tls/privkey.pem' }),
  })
  .prefault({})
  .describe('TLS listener. All three are set or none; behind a reverse proxy none is needed.');

const supportSchema = z
  .strictObject({
    contacts: z.array(contactSchema).max(20).default([]).describe('People to reach about this server.'),
    page: httpUrl().optional().describe('Page with help for users of this server.'),
  })
  .prefault({})
  .describe('What `/.well-known/matrix/support` answers.');

const webClientSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the web client at `/`.'),
    path: path()
      .optional()
      .describe('Folder of a built client; without it the one that belongs to this version is served.'),
  })
  .prefault({})
  .describe('The web client.');

const socketSchema = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Serve the socket, beside the long polls of `/sync`.'),
    heartbeat: timeout()
      .prefault('25s')
      .describe(
        'Silence after which a socket shows that it lives; less than what proxies on the way cut off.',
      ),
  })
  .prefault({})
  .describe('The WebSocket that brings news at once (docs/socket.md).');

const adminSchema = z
  .strictObject({
    token: secret()
      .optional()
      .describe('Token of the queue page and of `/metrics`. Generated on the first start when not set.'),
    tokenFile: secretFile().optional().describe('File that holds `token`.'),
    openMetrics: z
      .boolean()
      .default(false)
      .describe('Serve `/metrics` without the token, for a network where only the collector reaches it.'),
  })
  .prefault({})
  .describe('Pages for whoever runs the server.');

export const serverSchema = z
  .strictObject({
    name: serverName()
      .default('localhost')
      .describe('The name in user ids and room aliases. It can never be changed once the server has users.')
      .meta({ env: 'NYX_SERVER_NAME', example: 'example.org' }),
    bind: z
      .array(bindAddress())
      .min(1)
      .default(['127.0.0.1'])
      .describe('Addresses to listen on; `0.0.0.0` and `::` are all of them.')
      .meta({ env: 'NYX_BIND' }),
    port: port()
      .default(DEFAULT_PORT)
      .describe('Port of plain HTTP for both APIs and the web client; 0 takes any free one.')
      .meta({ env: 'NYX_PORT' }),
    tls: tlsSchema,
    dataDir: path()
      .default('./data')
      .describe('Folder for keys, secrets, media and the embedded services. Back it up.')
      .meta({ env: 'NYX_DATA_DIR' }),
    publicUrl: httpUrl()
      .optional()
      .describe(
        'Address at which clients reach this server; answered at `/.well-known/matrix/client`. Without it, the address of the request is.',
      )
      .meta({ env: 'NYX_PUBLIC_URL', example: 'https://matrix.example.org' }),
    delegate: serverName()
      .optional()
      .describe(
        'Host and port at which other servers reach this one; answered at `/.well-known/matrix/server`.',
      )
      .meta({ env: 'NYX_DELEGATE', example: 'matrix.example.org:443' }),
    trustedProxies: z
      .array(addressBlock())
      .default([])
      .describe(
        'Addresses or CIDR blocks of reverse proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.',
      )
      .meta({ example: ['127.0.0.1', '10.0.0.0/8'] }),
    roles: z
      .array(roleSchema)
      .min(1)
      .default(['http', 'sync', 'federation-out', 'worker'])
      .describe('What this process does. Less than all of it needs `database.uri` and `redis.uri`.')
      .meta({ env: 'NYX_ROLES' }),
    requestTimeout: timeout().prefault('1m').describe('Longest time a client may take to send a request.'),
    maxBody: size()
      .prefault('64KiB')
      .describe('Largest JSON body of a client request, unless its route says otherwise.'),
    shutdownGrace: timeout()
      .prefault('10s')
      .describe('How long a stopping server waits for running requests and jobs.'),
    support: supportSchema,
    webClient: webClientSchema,
    socket: socketSchema,
    admin: adminSchema,
  })
  .prefault({})
  .describe('Name, listeners, folders and roles of this server.');
