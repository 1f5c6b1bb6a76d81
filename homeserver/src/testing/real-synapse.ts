import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { TestCertificateAuthority } from '@nyx/federation/testing/certificates.ts';
import { freePort } from './create-federation.ts';
import type { TestResponse } from './create-test-server.ts';

/** The release that the interoperability tests run against. */
export const SYNAPSE = 'matrix-synapse==1.163.2';

type Json = TestResponse['body'];

/** A user of the Synapse under test. */
export interface SynapseUser {
  readonly userId: string;
  readonly token: string;
  /** A request that must be answered with 200. */
  ok(method: string, path: string, body?: unknown): Promise<Json>;
  request(method: string, path: string, body?: unknown): Promise<{ status: number; body: Json }>;
}

/** A real Synapse on SQLite, with TLS on the loopback interface. */
export interface RealSynapse extends AsyncDisposable {
  readonly name: string;
  register(localpart: string): Promise<SynapseUser>;
}

export type SynapseOptions = {
  /** Python of an environment that has Synapse. */
  readonly python: string;
  /** Scratch folder. */
  readonly folder: string;
  readonly authority: TestCertificateAuthority;
  /** File with the authority's certificate. */
  readonly caFile: string;
};

const SECRET = 'interop';

const configuration = (port: number, folder: string, caFile: string) => ({
  server_name: `127.0.0.1:${port}`,
  public_baseurl: `https://127.0.0.1:${port}/`,
  listeners: [
    {
      port,
      type: 'http',
      tls: true,
      bind_addresses: ['127.0.0.1'],
      resources: [{ names: ['client', 'federation'] }],
    },
  ],
  tls_certificate_path: join(folder, 'tls.crt'),
  tls_private_key_path: join(folder, 'tls.key'),
  federation_custom_ca_list: [caFile],
  database: { name: 'sqlite3', args: { database: join(folder, 'homeserver.db') } },
  log_config: join(folder, 'log.yaml'),
  media_store_path: join(folder, 'media'),
  signing_key_path: join(folder, 'signing.key'),
  pid_file: join(folder, 'pid'),
  report_stats: false,
  caches: { sync_response_cache_duration: '0s' },
  trusted_key_servers: [],
  suppress_key_server_warning: true,
  enable_registration: true,
  enable_registration_without_verification: true,
  registration_shared_secret: SECRET,
  macaroon_secret_key: SECRET,
  form_secret: SECRET,
  // Everything is on the loopback interface.
  ip_range_blacklist: [],
  federation_ip_range_blacklist: [],
  allow_public_rooms_over_federation: true,
  room_list_publication_rules: [{ action: 'allow' }],
  ...Object.fromEntries(
    [
      'message',
      'registration',
      'admin_redaction',
      'joins_per_room',
      '3pid_validation',
      'room_creation',
      'reports',
      'user_directory',
    ].map((limit) => [`rc_${limit}`, { per_second: 1e5, burst_count: 1e5 }]),
  ),
  rc_joins: { local: { per_second: 1e5, burst_count: 1e5 }, remote: { per_second: 1e5, burst_count: 1e5 } },
  rc_invites: {
    per_room: { per_second: 1e5, burst_count: 1e5 },
    per_user: { per_second: 1e5, burst_count: 1e5 },
    per_issuer: { per_second: 1e5, burst_count: 1e5 },
  },
  rc_login: Object.fromEntries(
    ['address', 'account', 'failed_attempts'].map((kind) => [kind, { per_second: 1e5, burst_count: 1e5 }]),
  ),
  rc_federation: { window_size: 1000, sleep_limit: 1e5, sleep_delay: 1, reject_limit: 1e5, concurrent: 100 },
  federation: { destination_min_retry_interval: '1s', destination_max_retry_interval: '2s' },
});

const log = (folder: string) => ({
  version: 1,
  formatters: { plain: { format: '%(asctime)s %(levelname)s %(name)s %(request)s %(message)s' } },
  filters: { context: { '()': 'synapse.logging.context.LoggingContextFilter', request: '' } },
  handlers: {
    file: {
      class: 'logging.FileHandler',
      filename: join(folder, 'synapse.log'),
      formatter: 'plain',
      filters: ['context'],
    },
  },
  root: { level: 'INFO', handlers: ['file'] },
});

type Answer = { readonly status: number; readonly body: Json };

const call = async (
  options: { port: number; ca: string; token?: string | undefined },
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> => {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const outgoing = request({
    host: '127.0.0.1',
    port: options.port,
    method,
    path,
    ca: options.ca,
    headers: {
      ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
    },
  });
  outgoing.end(payload);
  const [response] = await once(outgoing, 'response');
  const answer = await text(response);
  return { status: response.statusCode, body: answer === '' ? {} : JSON.parse(answer) };
};

const START_LIMIT_MS = 90_000;

/** Starts a Synapse and waits until it answers. Its log is `synapse.log` in the folder. */
export const startSynapse = async (options: SynapseOptions): Promise<RealSynapse> => {
  const { python, authority, caFile } = options;
  const port = await freePort();
  const folder = join(options.folder, `synapse-${port}`);
  mkdirSync(join(folder, 'media'), { recursive: true });
  const identity = authority.issue(['127.0.0.1']);
  writeFileSync(join(folder, 'tls.crt'), identity.cert);
  writeFileSync(join(folder, 'tls.key'), identity.key);
  // JSON is YAML.
  writeFileSync(join(folder, 'homeserver.yaml'), JSON.stringify(configuration(port, folder, caFile)));
  writeFileSync(join(folder, 'log.yaml'), JSON.stringify(log(folder)));
  const child = spawn(
    python,
    ['-m', 'synapse.app.homeserver', '-c', join(folder, 'homeserver.yaml'), '--generate-keys'],
    { cwd: folder, stdio: 'ignore' },
  );
  await once(child, 'exit');
  const server = spawn(python, ['-m', 'synapse.app.homeserver', '-c', join(folder, 'homeserver.yaml')], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  server.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
  const base = { port, ca: authority.cert };
  const deadline = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (server.exitCode !== null) throw new Error(`Synapse ended: ${complaint.slice(-2000)}`);
    const isUp = await call(base, 'GET', '/health').then(
      () => true,
      (error: unknown) => !(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED'),
    );
    if (isUp) break;
    if (Date.now() > deadline) throw new Error('Synapse did not start in time');
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const api = '/_synapse/admin/v1/register';
  return {
    name: `127.0.0.1:${port}`,
    register: async (localpart) => {
      const { body: challenge } = await call(base, 'GET', api);
      const mac = createHmac('sha1', SECRET)
        .update([challenge.nonce, localpart, 'password', 'notadmin'].join('\0'))
        .digest('hex');
      const { status, body } = await call(base, 'POST', api, {
        nonce: challenge.nonce,
        username: localpart,
        password: 'password',
        admin: false,
        mac,
      });
      if (status !== 200) throw new Error(`Synapse: ${status} ${JSON.stringify(body)}`);
      const token: string = body.access_token;
      const send = (method: string, path: string, content?: unknown) =>
        call({ ...base, token }, method, path, content);
      return {
        userId: body.user_id,
        token,
        request: send,
        ok: async (method, path, content) => {
          const answer = await send(method, path, content);
          if (answer.status === 200) return answer.body;
          throw new Error(`Synapse ${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
        },
      };
    },
    [Symbol.asyncDispose]: async () => {
      server.kill('SIGTERM');
      if (server.exitCode === null) await once(server, 'exit');
    },
  };
};
