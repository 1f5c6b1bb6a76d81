import type { Foundation } from '../../src/wiring/foundation.ts';
import { until } from './until.ts';

export type RotationFigures = { readonly milliseconds: number; readonly latencyP99: number };

type Session = { readonly userId: string; readonly token: string };

const PARALLEL = 20;

const call = async (url: string, token: string, method: string, path: string, body?: object) => {
  const response = await fetch(`${url}/_matrix/client/v3${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as Record<string, string>;
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
  return answer;
};

const register = async (url: string, name: string): Promise<Session> => {
  const answer = await call(url, '', 'POST', '/register', {
    username: name,
    password: 'x',
    auth: { type: 'm.login.dummy' },
  });
  return { userId: answer.user_id ?? '', token: answer.access_token ?? '' };
};

const inParallel = async <T>(count: number, run: (index: number) => Promise<T>): Promise<T[]> => {
  const results: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < count) {
        const index = next++;
        results[index] = await run(index);
      }
    }),
  );
  return results;
};

/** Kicks somebody out of a large encrypted room and waits until every remaining device has the signal. */
export const benchRotation = async (
  url: string,
  { db }: Foundation,
  size: { readonly members: number; readonly devices: number },
): Promise<RotationFigures> => {
  const owner = await register(url, 'owner');
  const { room_id: room = '' } = await call(url, owner.token, 'POST', '/createRoom', {
    preset: 'public_chat',
    initial_state: [
      { type: 'm.room.encryption', state_key: '', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
    ],
  });
  const path = `/rooms/${encodeURIComponent(room)}`;
  const members = await inParallel(size.members - 1, async (index) => {
    const session = await register(url, `member${index}`);
    await call(url, session.token, 'POST', `${path}/join`, {});
    return session;
  });
  // Devices beyond the first of each member, written as a login writes them: argon2 would take the time of the bench.
  const extra = size.devices - size.members;
  await db.collection<Record<string, unknown> & { _id: string }>('devices').insertMany(
    Array.from({ length: extra }, (_, index) => {
      const userId = members[index % members.length]?.userId ?? '';
      return {
        _id: `${userId} EXTRA${index}`,
        session: `bench${index}`,
        userId,
        deviceId: `EXTRA${index}`,
        createdAt: 0,
        tokens: [],
      };
    }),
  );
  const latencies: number[] = [];
  const done = new AbortController();
  const probe = (async () => {
    while (!done.signal.aborted) {
      const start = performance.now();
      await call(url, owner.token, 'GET', '/account/whoami');
      latencies.push(performance.now() - start);
    }
  })();
  const start = performance.now();
  await call(url, owner.token, 'POST', `${path}/kick`, { user_id: members[0]?.userId ?? '' });
  const gone = 1 + Math.ceil(extra / members.length);
  await until(async () => {
    const count = await db.collection('toDevice').countDocuments({ type: 'chat.nyx.rotate' });
    return count >= size.devices - gone;
  });
  const milliseconds = performance.now() - start;
  done.abort();
  await probe;
  const sorted = latencies.toSorted((a, b) => a - b);
  return { milliseconds, latencyP99: sorted[Math.floor(sorted.length * 0.99)] ?? 0 };
};
