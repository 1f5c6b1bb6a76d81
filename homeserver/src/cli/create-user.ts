import { createHmac } from 'node:crypto';
import { createInterface } from 'node:readline/promises';
import { text } from 'node:stream/consumers';
import { Writable } from 'node:stream';
import { readFile } from 'node:fs/promises';
import type { Config } from '@nyx/config/schema.ts';
import { z } from 'zod';
import { bootServer, localRegistrationSecret } from './boot.ts';
import type { ConfigOption } from './configuration.ts';
import { configurationFor, tell } from './configuration.ts';
import { UsageError } from './failure.ts';

export type CreateUserOptions = ConfigOption & {
  readonly admin?: boolean;
  readonly passwordFile?: string;
  readonly url?: string;
};

const REGISTER = '/_synapse/admin/v1/register';
const REQUEST_TIMEOUT_MS = 30_000;

const nonceSchema = z.object({ nonce: z.string() });
const createdSchema = z.object({ user_id: z.string() });
const errorSchema = z.object({ errcode: z.string(), error: z.string() });

/** Reads a password without showing it. */
const askPassword = async (): Promise<string> => {
  if (!process.stdin.isTTY) return (await text(process.stdin)).split('\n')[0] ?? '';
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output: silent, terminal: true });
  try {
    process.stderr.write('Password: ');
    const first = await prompt.question('');
    process.stderr.write('\nAgain: ');
    const second = await prompt.question('');
    process.stderr.write('\n');
    if (first !== second) throw new UsageError('The two passwords differ.');
    return first;
  } finally {
    prompt.close();
  }
};

const passwordFrom = async (file: string | undefined): Promise<string> => {
  const password = file === undefined ? await askPassword() : (await readFile(file, 'utf8')).trim();
  if (password === '') throw new UsageError('The password is empty.');
  return password;
};

/** The proof of the shared-secret registration (Synapse's admin API): fields joined by NUL under HMAC-SHA-1. */
export const registrationMac = (
  secret: string,
  user: { readonly nonce: string; readonly name: string; readonly password: string; readonly admin: boolean },
): string =>
  createHmac('sha1', secret)
    .update([user.nonce, user.name, user.password, user.admin ? 'admin' : 'notadmin'].join('\0'))
    .digest('hex');

const call = async <T>(url: string, schema: z.ZodType<T>, body?: object): Promise<T> => {
  const response = await fetch(url, {
    signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    ...(body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });
  const answer: unknown = await response.json().catch(() => undefined);
  const parsed = schema.safeParse(answer);
  if (response.ok && parsed.success) return parsed.data;
  const error = errorSchema.safeParse(answer);
  throw new UsageError(
    error.success
      ? `${error.data.errcode}: ${error.data.error}`
      : `${url} answered ${response.status}; is it a Nyx server?`,
  );
};

const register = async (
  base: string,
  secret: string,
  user: { readonly name: string; readonly password: string; readonly admin: boolean },
): Promise<string> => {
  const { nonce } = await call(`${base}${REGISTER}`, nonceSchema);
  const created = await call(`${base}${REGISTER}`, createdSchema, {
    nonce,
    username: user.name,
    password: user.password,
    admin: user.admin,
    mac: registrationMac(secret, { nonce, ...user }),
  });
  return created.user_id;
};

const localUrl = ({ server }: Config): string => {
  const [bind = '127.0.0.1'] = server.bind;
  const host = bind === '0.0.0.0' || bind === '::' ? '127.0.0.1' : bind;
  return `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
};

const isUp = (base: string): Promise<boolean> =>
  fetch(`${base}/_matrix/client/versions`, { signal: AbortSignal.timeout(2_000) }).then(
    (response) => response.ok,
    () => false,
  );

/** Creates an account on the running server; when none runs, on one started for the purpose. */
export const createUser = async (name: string, options: CreateUserOptions): Promise<void> => {
  const { config } = configurationFor(options);
  const user = { name, password: await passwordFrom(options.passwordFile), admin: options.admin ?? false };
  const secret = (await localRegistrationSecret(config.server.dataDir)).reveal();
  const base = options.url ?? localUrl(config);
  if (options.url !== undefined || (await isUp(base))) {
    process.stdout.write(`${await register(base, secret, user)}\n`);
    return;
  }
  const quiet: Config = {
    ...config,
    server: {
      ...config.server,
      bind: ['127.0.0.1'],
      port: 0,
      tls: {},
      roles: ['http'],
      webClient: { enabled: false },
    },
    logging: { ...config.logging, level: 'warn' },
  };
  await using booted = await bootServer(quiet, { tell: () => undefined, logTo: 'stderr' });
  const [url = ''] = booted.urls;
  tell(`no server answers at ${base}; started one for this command`);
  process.stdout.write(`${await register(url, secret, user)}\n`);
};
