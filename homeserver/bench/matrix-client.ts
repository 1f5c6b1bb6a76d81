import { createHmac } from 'node:crypto';
import { Agent, request } from 'undici';

/** What a Matrix server answered that a benchmark cannot go on with. */
export class BenchError extends Error {
  override readonly name = 'BenchError';
}

type Json = Record<string, unknown>;

const agent = new Agent({ connections: 64, pipelining: 1, keepAliveTimeout: 60_000, bodyTimeout: 120_000 });

/** One logged-in user of the server under test. */
export class MatrixClient {
  readonly userId: string;
  readonly #url: string;
  readonly #headers: Record<string, string>;
  #txn = 0;

  constructor(url: string, userId: string, token: string) {
    this.#url = url;
    this.userId = userId;
    this.#headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  }

  /** For what is not asked over HTTP. */
  get authorization(): string {
    return this.#headers.authorization ?? '';
  }

  /** The same user at another process of the server. */
  at(url: string): MatrixClient {
    return new MatrixClient(url, this.userId, this.authorization.replace('Bearer ', ''));
  }

  async call(method: 'GET' | 'POST' | 'PUT', path: string, body?: Json): Promise<Json> {
    const response = await request(this.#url + path, {
      method,
      dispatcher: agent,
      headers: this.#headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.body.text();
    if (response.statusCode !== 200) {
      throw new BenchError(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`);
    }
    return JSON.parse(text) as Json;
  }

  async send(room: string, text: string): Promise<string> {
    const path = `/_matrix/client/v3/rooms/${encodeURIComponent(room)}/send/m.room.message/b${(this.#txn += 1)}`;
    const answer = await this.call('PUT', path, { msgtype: 'm.text', body: text });
    return String(answer.event_id);
  }

  async createRoom(body: Json = {}): Promise<string> {
    return String((await this.call('POST', '/_matrix/client/v3/createRoom', body)).room_id);
  }

  async join(room: string): Promise<void> {
    await this.call('POST', `/_matrix/client/v3/join/${encodeURIComponent(room)}`, {});
  }

  async sync(query: Readonly<Record<string, string>> = {}): Promise<Json & { next_batch: string }> {
    const answer = await this.call('GET', `/_matrix/client/v3/sync?${new URLSearchParams(query).toString()}`);
    return { ...answer, next_batch: String(answer.next_batch) };
  }
}

/** Registers fresh users: openly, or with the shared secret that servers built for tests have. */
export async function registerUser(
  url: string,
  name: string,
  secret: string | undefined,
): Promise<MatrixClient> {
  const anonymous = new MatrixClient(url, '', '');
  const password = `bench-${name}`;
  const answer =
    secret === undefined
      ? await anonymous.call('POST', '/_matrix/client/v3/register', {
          username: name,
          password,
          auth: { type: 'm.login.dummy' },
        })
      : await registerWithSecret(anonymous, name, password, secret);
  return new MatrixClient(url, String(answer.user_id), String(answer.access_token));
}

async function registerWithSecret(
  anonymous: MatrixClient,
  username: string,
  password: string,
  secret: string,
): Promise<Json> {
  const path = '/_synapse/admin/v1/register';
  const { nonce } = await anonymous.call('GET', path);
  const text = [String(nonce), username, password, 'notadmin'].join('\u0000');
  const mac = createHmac('sha1', secret).update(text).digest('hex');
  return anonymous.call('POST', path, { nonce, username, password, admin: false, mac });
}
