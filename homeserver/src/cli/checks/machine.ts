import { X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { getCompileCacheDir } from 'node:module';
import { listensOnLoopbackOnly } from '@nyx/config/derived.ts';
import type { Config } from '@nyx/config/schema.ts';
import { lockHolder } from '../../services/data-lock.ts';
import { configuredListeners, listenerProblem } from '../../services/listeners.ts';
import type { Check } from '../table.ts';

/** Which Node.js runs, and whether it is the pinned one. */
export const checkNode = (): Check => {
  const pinned = process.execPath.includes('node_modules') ? 'pinned by this repository' : 'of this machine';
  const cache =
    getCompileCacheDir() === undefined ? 'no compile cache' : `compile cache ${getCompileCacheDir() ?? ''}`;
  const detail = `${process.version} ${process.platform}-${process.arch}, ${pinned}, ${cache}`;
  return { status: 'ok', what: 'Node.js', detail };
};

/** The data folder: there, private, and used by whom. */
export const checkDataFolder = async ({ server, database, redis }: Config): Promise<Check[]> => {
  const folder = resolve(server.dataDir);
  const what = 'data folder';
  const info = await stat(folder).catch(() => undefined);
  if (info === undefined) return [{ status: 'ok', what, detail: `${folder}, made on the first start` }];
  if (!info.isDirectory()) return [{ status: 'fail', what, detail: `${folder} is not a folder` }];
  const checks: Check[] = [];
  const holder = database.uri === undefined || redis.uri === undefined ? await lockHolder(folder) : undefined;
  const used = holder === undefined ? '' : `, in use by process ${holder}`;
  checks.push({ status: 'ok', what, detail: `${folder}${used}` });
  const secrets = await stat(join(folder, 'secrets')).catch(() => undefined);
  if (secrets !== undefined && (secrets.mode & 0o077) !== 0) {
    checks.push({
      status: 'warn',
      what,
      detail: `others can enter ${join(folder, 'secrets')}: chmod 700 it`,
    });
  }
  return checks;
};

/** Whether every listener's address and port can be had, and what being reachable asks for. */
export const checkListeners = async (config: Config): Promise<Check[]> => {
  const { name } = config.server;
  const checks: Check[] = [];
  for (const listener of configuredListeners(config)) {
    const problem = (await listenerProblem(config, listener))?.code;
    const where = `${listener.host} port ${listener.port}`;
    if (problem === undefined) checks.push({ status: 'ok', what: 'listener', detail: `${where} is free` });
    else if (problem === 'EADDRINUSE') {
      checks.push({ status: 'warn', what: 'listener', detail: `${where} is in use (by a running Nyx?)` });
    } else checks.push({ status: 'fail', what: 'listener', detail: `${where}: ${problem}` });
  }
  if (!listensOnLoopbackOnly(config) && config.registration.open === true) {
    const detail = 'anybody who reaches this server can register (registration.open): expect spam';
    checks.push({ status: 'warn', what: 'registration', detail });
  }
  if (name === 'localhost') {
    const detail = 'server.name is localhost: good for a look, not for users; it can never be changed';
    checks.push({ status: 'warn', what: 'server name', detail });
  }
  return checks;
};

const DAY_MS = 86_400_000;
const RENEW_BEFORE_DAYS = 14;

/** How long the certificate is good for. That it can be read and has its key is the configuration's to check. */
export const checkTls = async ({ server, federation }: Config): Promise<Check[]> => {
  const checks: Check[] = [];
  const { cert } = server.tls;
  if (cert !== undefined) {
    const { validTo } = new X509Certificate(await readFile(cert));
    const days = Math.floor((Date.parse(validTo) - Date.now()) / DAY_MS);
    if (days < 0) checks.push({ status: 'fail', what: 'TLS', detail: `${cert} has expired` });
    else if (days < RENEW_BEFORE_DAYS) {
      checks.push({ status: 'warn', what: 'TLS', detail: `${cert} expires in ${days} days` });
    } else checks.push({ status: 'ok', what: 'TLS', detail: `${cert}, ${days} days left` });
  }
  if (federation.extraCa !== undefined) {
    checks.push({ status: 'ok', what: 'extra CA', detail: federation.extraCa });
  }
  if (federation.allowPrivateAddresses) {
    const detail = 'federation.allowPrivateAddresses is on: for tests and closed networks only';
    checks.push({ status: 'warn', what: 'federation', detail });
  }
  return checks;
};
