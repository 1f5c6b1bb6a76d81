import { Agent, request } from 'undici';

export type Session = { readonly userId: string; readonly token: string; readonly deviceId: string };

/** Calls of the client API as fast as they can be made. */
export interface BenchClient {
  call(token: string, method: 'GET' | 'PUT' | 'POST', path: string, body?: object): Promise<BenchAnswer>;
  register(name: string): Promise<Session>;
}

type BenchAnswer = {
  readonly user_id?: string;
  readonly access_token?: string;
  readonly device_id?: string;
  readonly room_id?: string;
  readonly next_batch?: string;
  readonly joined?: Readonly<Record<string, object>>;
  readonly to_device?: { readonly events: readonly { readonly type: string }[] };
};

const agent = new Agent({ connections: 64, pipelining: 1 });

export const benchClient = (url: string): BenchClient => {
  const call: BenchClient['call'] = async (token, method, path, body) => {
    const response = await request(`${url}/_matrix/client/v3${path}`, {
      dispatcher: agent,
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode !== 200) throw new Error(`${method} ${path}: ${response.statusCode} ${text}`);
    return JSON.parse(text) as BenchAnswer;
  };
  return {
    call,
    register: async (name) => {
      const answer = await call('', 'POST', '/register', {
        username: name,
        password: 'bench-password',
        auth: { type: 'm.login.dummy' },
      });
      return {
        userId: answer.user_id ?? '',
        token: answer.access_token ?? '',
        deviceId: answer.device_id ?? '',
      };
    },
  };
};

/** Runs `run` for each number below `count`, `parallel` at a time. */
export const inParallel = async <T>(
  count: number,
  parallel: number,
  run: (index: number) => Promise<T>,
): Promise<T[]> => {
  const results: T[] = [];
  let next = 0;
  await Promise.all(
    Array.from({ length: Math.min(parallel, count) }, async () => {
      while (next < count) {
        const index = next++;
        results[index] = await run(index);
      }
    }),
  );
  return results;
};
