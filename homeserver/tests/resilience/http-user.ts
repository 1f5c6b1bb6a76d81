import { setTimeout as delay } from 'node:timers/promises';

// Tests look into answers freely; what does not fit fails them.
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

const PAUSE_MS = 50;
const PATIENCE_MS = 60_000;

/** Where a server is just now: it changes when its process is started again. */
export type Place = { url: string };

/** A user who asks again until there is an answer, as a client does whose server restarts. */
export class HttpUser {
  readonly token: string;
  readonly userId: string;

  constructor(token: string, userId: string) {
    this.token = token;
    this.userId = userId;
  }

  static async register(place: Place, username: string): Promise<HttpUser> {
    const body = { username, password: 'correct horse', auth: { type: 'm.login.dummy' } };
    const response = await fetch(`${place.url}/_matrix/client/v3/register`, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    const answer = (await response.json()) as Json;
    if (!response.ok) throw new Error(`register: ${JSON.stringify(answer)}`);
    return new HttpUser(answer.access_token, answer.user_id);
  }

  /** One attempt; undefined when the server went away or is not well. Throws on a refusal. */
  async attempt(place: Place, method: string, path: string, body?: unknown): Promise<Json> {
    let response;
    let text;
    try {
      response = await fetch(place.url + path, {
        method,
        headers: { authorization: `Bearer ${this.token}` },
        ...(body === undefined
          ? {}
          : { body: body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body) }),
      });
      text = await response.text();
    } catch {
      return undefined;
    }
    if (response.status >= 500 && response.status !== 501) return undefined;
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status} ${text.slice(0, 300)}`);
    return response.headers.get('content-type')?.startsWith('application/json') === true
      ? JSON.parse(text)
      : text;
  }

  /** Asks until there is an answer, wherever the server is by then. */
  async ask(place: Place, method: string, path: string, body?: unknown): Promise<Json> {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const answer = await this.attempt(place, method, path, body);
      if (answer !== undefined) return answer;
      if (Date.now() > deadline) throw new Error(`${method} ${path}: no answer`);
      await delay(PAUSE_MS);
    }
  }
}
