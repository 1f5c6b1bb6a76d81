import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { createFederation, freePort, type TestFederation } from '../../src/testing/create-federation.ts';
import type { Installation, ServerProcess } from '../resilience/own-services.ts';
import { install } from '../resilience/own-services.ts';
import { makeDevice } from './signing-device.ts';

const V3 = '/_matrix/client/v3';
const BUNDLE = '/_matrix/client/unstable/org.matrix.msc3983/keys/claim';
const ALGORITHM = 'signed_curve25519';
const KEYS = 200;
const CLAIMERS = 10;
/** Keys given out when the server is killed. */
const KILL_AT = [20, 70, 120] as const;

let installation: Installation;
/** The server that is killed, and what it is started with again. */
let server: ServerProcess;
let env: Record<string, string>;
/** Another server, which lives on. */
let federation: TestFederation;
const folder = mkdtempSync(join(tmpdir(), 'nyx-claim-crash-'));
beforeAll(async () => {
  federation = await createFederation(1);
  installation = await install();
  const port = await freePort();
  const { cert, key } = federation.authority.issue(['127.0.0.1']);
  const files = { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') };
  writeFileSync(files.cert, cert);
  writeFileSync(files.key, key);
  env = {
    NYX_SERVER_NAME: `127.0.0.1:${port}`,
    NYX_TLS_PORT: String(port),
    NYX_TLS_CERT: files.cert,
    NYX_TLS_KEY: files.key,
    NYX_EXTRA_CA: federation.caFile,
    NYX_ALLOW_PRIVATE_ADDRESSES: 'true',
  };
  server = await installation.startServer(env);
}, 180_000);
afterAll(async () => {
  await installation[Symbol.asyncDispose]();
  await federation[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

const here = (): string => server.url;
const afar = (): string => federation.servers[0]?.url ?? '';

type Login = { userId: string; deviceId: string; token: string };
// Tests look into answers freely.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

const call = async (
  method: string,
  path: string,
  token?: string,
  body?: object,
  url: string = here(),
): Promise<Json> => {
  const response = await fetch(url + path, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: Json = await response.json();
  if (response.status !== 200)
    throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
};

const register = async (username: string, url = here()): Promise<Login> => {
  const login = { username, password: 'correct horse battery staple', auth: { type: 'm.login.dummy' } };
  const body = await call('POST', `${V3}/register`, undefined, login, url);
  return { userId: body.user_id, deviceId: body.device_id, token: body.access_token };
};

const setUp = async (name: string, url = here()) => {
  const target = await register(name, url);
  const device = makeDevice(target);
  const keys = device.oneTimeKeys(KEYS, name);
  const upload = {
    device_keys: device.deviceKeys(),
    one_time_keys: keys,
    fallback_keys: device.fallbackKey('spk', 'chat.nyx.spk.v1'),
  };
  await call('POST', `${V3}/keys/upload`, target.token, upload, url);
  return { target, keys: Object.keys(keys) };
};

const keysIn = (answer: Json, { userId, deviceId }: Login): string[] =>
  Object.keys(answer.one_time_keys?.[userId]?.[deviceId] ?? {});

const stockOf = async ({ token }: Login, url = here()): Promise<number> =>
  (await call('POST', `${V3}/keys/upload`, token, {}, url)).one_time_key_counts[ALGORITHM] ?? 0;

const hasEnded = ({ signal }: AbortController): boolean => signal.aborted;

/** Claims until told to stop; a claim that dies with the server has no answer. */
const claimUntilKilled = async (
  claim: (claimer: number, round: number) => Promise<string[]>,
  killAt: number,
): Promise<string[]> => {
  const given: string[] = [];
  const killing = new AbortController();
  let killed: Promise<unknown> = Promise.resolve();
  await Promise.all(
    Array.from({ length: CLAIMERS }, async (_, claimer) => {
      for (let round = 0; !hasEnded(killing); round += 1) {
        try {
          given.push(...(await claim(claimer, round)));
        } catch (error) {
          if (!hasEnded(killing)) throw error;
          return;
        }
        if (given.length < killAt || hasEnded(killing)) continue;
        killing.abort();
        killed = server.signal('SIGKILL');
      }
    }),
  );
  await killed;
  server = await installation.startServer(env);
  return given;
};

describe('a server that is killed while keys are claimed', () => {
  it('gives no key twice: each is unclaimed or gone', { timeout: 240_000 }, async () => {
    const claimer = await register('claimer');
    const { target, keys } = await setUp('target');
    const wish = { one_time_keys: { [target.userId]: { [target.deviceId]: ALGORITHM } } };
    const claim = async () => keysIn(await call('POST', `${V3}/keys/claim`, claimer.token, wish), target);
    const given: string[] = [];
    for (const killAt of KILL_AT) {
      given.push(...(await claimUntilKilled(claim, killAt - given.length)));
      const left = await stockOf(target);
      expect(new Set(given).size).toBe(given.length);
      // Answers that died with the process took at most one key per claimer and kill.
      expect(left).toBeLessThanOrEqual(KEYS - given.length);
      expect(left).toBeGreaterThanOrEqual(KEYS - given.length - CLAIMERS * KILL_AT.length);
    }
    for (let rest = await stockOf(target); rest > 0; rest -= 1) given.push(...(await claim()));
    expect(new Set(given).size).toBe(given.length);
    for (const id of given) expect(keys).toContain(id);
    expect(await claim()).toEqual([]);
  });

  it.for([
    { of: 'its own devices', claimerAt: here, targetAt: here },
    { of: 'devices of another server', claimerAt: here, targetAt: afar },
    { of: 'its devices by another server', claimerAt: afar, targetAt: here },
  ])(
    'repeats the claims of bundles under their ids after the crash: $of',
    { timeout: 240_000 },
    async ({ of, claimerAt, targetAt }) => {
      const name = of.replaceAll(' ', '-');
      const claimer = await register(`bundler-of-${name}`, claimerAt());
      const { target } = await setUp(name, targetAt());
      const wish = { [target.userId]: { [target.deviceId]: [ALGORITHM, 'chat.nyx.spk.v1'] } };
      const answers = new Map<string, string>();
      const tried = new Set<string>();
      const claimUnder = async (txnId: string): Promise<string[]> => {
        tried.add(txnId);
        const body = { one_time_keys: wish, txn_id: txnId };
        const answer = await call('POST', BUNDLE, claimer.token, body, claimerAt());
        const keys = keysIn(answer, target).toSorted();
        expect(keys).toHaveLength(2);
        const before = answers.get(txnId);
        if (before !== undefined) expect(keys.join()).toBe(before);
        answers.set(txnId, keys.join());
        return keys.slice(1);
      };
      await claimUntilKilled((index, round) => claimUnder(`${index}.${round}`), 60);
      // Whoever hears of a server that was away tries it again at once.
      const greeting = { device_keys: { [claimer.userId]: [] } };
      await call('POST', `${V3}/keys/query`, target.token, greeting, targetAt());
      // Every claim is repeated: those that were answered, and those that died unanswered.
      for (const txnId of tried)
        await vi.waitFor(() => claimUnder(txnId), { timeout: 60_000, interval: 250 });
      expect(new Set(answers.values()).size).toBe(tried.size);
      expect(await stockOf(target, targetAt())).toBe(KEYS - tried.size);
    },
  );
});
