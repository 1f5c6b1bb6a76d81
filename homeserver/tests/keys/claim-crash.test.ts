import { afterAll, beforeAll, describe, expect, it } from 'vitest';
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
let server: ServerProcess;
beforeAll(async () => {
  installation = await install();
  server = await installation.startServer();
}, 180_000);
afterAll(() => installation[Symbol.asyncDispose]());

type Login = { userId: string; deviceId: string; token: string };
// Tests look into answers freely.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

const call = async (method: string, path: string, token?: string, body?: object): Promise<Json> => {
  const response = await fetch(server.url + path, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer: Json = await response.json();
  if (response.status !== 200)
    throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
};

const register = async (username: string): Promise<Login> => {
  const body = await call('POST', `${V3}/register`, undefined, {
    username,
    password: 'correct horse battery staple',
    auth: { type: 'm.login.dummy' },
  });
  return { userId: body.user_id, deviceId: body.device_id, token: body.access_token };
};

const setUp = async (name: string) => {
  const target = await register(name);
  const device = makeDevice(target);
  const keys = device.oneTimeKeys(KEYS, name);
  await call('POST', `${V3}/keys/upload`, target.token, {
    device_keys: device.deviceKeys(),
    one_time_keys: keys,
    fallback_keys: device.fallbackKey('spk', 'chat.nyx.spk.v1'),
  });
  return { target, keys: Object.keys(keys) };
};

const keysIn = (answer: Json, { userId, deviceId }: Login): string[] =>
  Object.keys(answer.one_time_keys?.[userId]?.[deviceId] ?? {});

const stockOf = async ({ token }: Login): Promise<number> =>
  (await call('POST', `${V3}/keys/upload`, token, {})).one_time_key_counts[ALGORITHM] ?? 0;

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
  server = await installation.startServer();
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

  it('repeats the claims of bundles under their ids after the crash', { timeout: 240_000 }, async () => {
    const claimer = await register('bundler');
    const { target } = await setUp('bundled');
    const wish = { [target.userId]: { [target.deviceId]: [ALGORITHM, 'chat.nyx.spk.v1'] } };
    const answers = new Map<string, string>();
    const tried = new Set<string>();
    const claimUnder = async (txnId: string): Promise<string[]> => {
      tried.add(txnId);
      const body = { one_time_keys: wish, txn_id: txnId };
      const keys = keysIn(await call('POST', BUNDLE, claimer.token, body), target).toSorted();
      expect(keys).toHaveLength(2);
      const before = answers.get(txnId);
      if (before !== undefined) expect(keys.join()).toBe(before);
      answers.set(txnId, keys.join());
      return keys.slice(1);
    };
    await claimUntilKilled((claimer, round) => claimUnder(`${claimer}.${round}`), 60);
    // Every claim is repeated: those that were answered, and those that died unanswered.
    for (const txnId of tried) await claimUnder(txnId);
    expect(new Set(answers.values()).size).toBe(tried.size);
    expect(await stockOf(target)).toBe(KEYS - tried.size);
  });
});
